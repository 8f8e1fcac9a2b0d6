"""The model again, on namespaces of which each is a genuine Message DB, adopted."""

import pytest
from contract.adopted import adopt_all
from contract.test_model import EXAMPLES, try_many
from fixtures import openers


@pytest.fixture
def opener(request):
    return openers.opener(request, "postgres")


async def test_an_adopted_schema_and_the_model_agree(opener):
    async with opener() as url:
        # Fewer than on the other stores: each of them installs a Message DB.
        await try_many(url, lambda database: adopt_all(database.store), EXAMPLES // 3)
