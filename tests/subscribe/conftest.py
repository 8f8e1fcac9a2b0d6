"""A server to follow; event streams are the application's, whoever answers the calls."""

import pytest
from fixtures.served import server


@pytest.fixture
async def served():
    async with server() as running:
        yield running


@pytest.fixture
def write(served):
    """Write messages; return their global positions."""

    async def write(*streams, metadata=None, token=None):
        token = served.own if token is None else token
        heights = []
        for stream in streams:
            message = {"type": "T", "data": {}, "metadata": metadata}
            answer = await served.call("stream.write", stream, message, token=token)
            heights.append(answer.result["globalPosition"])
        return heights

    return write


@pytest.fixture
async def namespace(served):
    """The namespace under the server, to write histories in one go."""
    return await served.database.namespace("tests")
