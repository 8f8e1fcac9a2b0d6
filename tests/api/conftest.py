"""The API over both lanes."""

import pytest
from fixtures.api import LANES, served


@pytest.fixture(params=LANES)
def lane(request):
    return request.param


@pytest.fixture
async def api(lane):
    """A served database in memory, with a namespace `n1` whose token the client sends."""
    async with served(lane) as api:
        yield api
