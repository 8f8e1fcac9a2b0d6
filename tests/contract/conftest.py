"""The stores under test, each as a database, a store, and a namespace's store."""

import tempfile
from pathlib import Path

import pytest
from fixtures import openers
from fixtures.openers import OPENERS, SCRATCH

import mdb
from mdb.database import NewNamespace


@pytest.fixture(params=OPENERS)
def opener(request):
    return openers.opener(request, request.param)


@pytest.fixture
async def db(opener):
    """An open database of the store under test."""
    async with opener() as url, mdb.open(url) as database:
        yield database


@pytest.fixture
def store(db):
    """Its store, whose registry is empty."""
    return db.store


@pytest.fixture
async def space(store):
    """The store of a namespace `n1`; nothing but the test writes to it."""
    record = await store.create_namespace("n1", token_digest=b"1" * 32)
    space = store.namespace(record)
    await space.open()
    yield space
    await space.close()


@pytest.fixture
async def ns(db):
    """A namespace `n2` as an embedding program has it."""
    namespace, _token = await db.create_namespace(NewNamespace("n2"))
    return namespace


@pytest.fixture
def directory():
    """A data directory that does not exist yet, where fsync is cheap."""
    with tempfile.TemporaryDirectory(prefix="mdb-", dir=SCRATCH) as scratch:
        yield Path(scratch) / "data"
