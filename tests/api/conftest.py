"""A server for each of the two ways in which a call is answered."""

import pytest
from fixtures.api import Api
from fixtures.served import LANES, server


@pytest.fixture(params=LANES)
def lane(request):
    return request.param


@pytest.fixture
async def served(lane):
    async with server(lane=lane) as running:
        yield running


@pytest.fixture
def call(served):
    """Make a call in the namespace `tests`."""
    return served.call


@pytest.fixture
def api(served):
    """The same for tests of many calls."""
    return Api(served)


@pytest.fixture
async def in_test_mode(lane):
    async with server(lane=lane, test_mode=True) as running:
        yield running
