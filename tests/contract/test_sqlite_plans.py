"""What SQLite does for a page: a walk along an index that stops, by a plan that was made once."""

import apsw
import pytest

from mdb.core.messages import AllQuery, CategoryQuery, StreamQuery
from mdb.stores.sqlite import pages
from mdb.stores.sqlite.connect import open_memory
from mdb.stores.sqlite.migrate import migrate

QUERIES = [
    (StreamQuery("s-1"), "INDEX messages_stream (stream_name=? AND position>?)"),
    (StreamQuery("s-1", backward=True), "INDEX messages_stream (stream_name=? AND position<?)"),
    (CategoryQuery("s", group=(0, 2)), "INDEX messages_category (<expr>=? AND global_position>?"),
    (CategoryQuery("s", backward=True), "INDEX messages_category (<expr>=? AND global_position<?"),
    (AllQuery(type="T"), "INTEGER PRIMARY KEY (rowid>?"),
    (AllQuery(backward=True), "INTEGER PRIMARY KEY (rowid<?"),
]


@pytest.fixture
def db():
    """An empty namespace."""
    db = open_memory()
    migrate(db, "namespace", "memory")
    yield db
    db.close()


@pytest.mark.parametrize(("query", "index"), QUERIES)
def test_a_page_walks_along_an_index_in_its_order(db, query, index):
    ran = []
    db.exec_trace = lambda _cursor, sql, bindings: ran.append((sql, bindings)) or True
    pages.read(db, query, 10)
    db.exec_trace = None
    ((sql, bindings),) = ran
    steps = [row[3] for row in db.execute("EXPLAIN QUERY PLAN " + sql, bindings)]
    # Nothing is sorted, and nothing is gathered before the limit.
    assert len(steps) == 3
    assert steps[0] == "CO-ROUTINE page"
    assert steps[1].startswith("SEARCH messages USING " + index)
    assert steps[2] == "SCAN page"


def test_a_page_is_planned_once_whatever_its_limit(db):
    planned = []
    pages.read(db, StreamQuery("s-1"), 10)
    db.trace_v2(
        apsw.SQLITE_TRACE_PROFILE,
        lambda event: planned.append(event["stmt_status"]["SQLITE_STMTSTATUS_REPREPARE"]),
    )
    for limit in (10, 20, 1):
        pages.read(db, StreamQuery("s-1"), limit)
    assert planned == [0, 0, 0]
