"""A namespace's schema answers what the genuine Message DB beside it answers."""

from __future__ import annotations

import dataclasses
import os
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.fixtures.postgres import Connection
from tests.postgres.catalogs import catalog
from tests.postgres.random_calls import VIEWS, Chooser
from tests.postgres.side_by_side import Call, Said, compare

# Another history: MESSAGEDB_TEST_SEED=7, MESSAGEDB_TEST_CALLS=20000.
SEED = int(os.environ.get("MESSAGEDB_TEST_SEED", "20260115"))
CALLS = int(os.environ.get("MESSAGEDB_TEST_CALLS", "2000"))


def forgive(ours: Said) -> Said:
    """Make what ours says what the genuine one would have said, where they differ on purpose.

    Only in one place: the command that a notice shows has the absolute value of the remainder, not
    the remainder of the absolute value, which is an error for the smallest of all hashes.
    """
    notices = tuple(
        (severity, re.sub(r"@MOD\((hash_64\(cardinal_id\(stream_name\)\)), ", r"MOD(@\1, ", text))
        for severity, text in ours.notices
    )
    return dataclasses.replace(ours, notices=notices)


def test_random_calls_have_the_same_rows_errors_and_notices(
    genuine_url: str, message_store_url: str
) -> None:
    calls = Chooser(SEED).calls(CALLS)
    calls += [Call(f"select * from {view}") for view in VIEWS]
    calls += [
        Call("select message_store_version()"),
        Call("select * from messages order by global_position"),
        Call("select last_value, is_called from messages_global_position_seq"),
    ]
    said = compare(genuine_url, message_store_url, calls, forgive)

    # That they were calls worth making.
    errors = Counter(one.error[0] for one in said if one.error)
    texts = {re.sub(r"[:(].*", "", one.error[2], flags=re.DOTALL) for one in said if one.error}
    assert sum(bool(one.rows) for one in said) > CALLS / 3
    assert sum(bool(one.notices) for one in said) > CALLS / 10
    assert {"P0001", "23505", "23502", "22P02", "42601", "42703", "2201W", "22003"} <= set(errors)
    assert {
        "Wrong expected version",
        "Must be a stream name",
        "Must be a category",
        "Correlation must be a category ",
        "Consumer group member and size must be specified ",
        "Consumer group size must not be less than 1 ",
        "Consumer group member must not be less than 0 ",
        "Consumer group member must be less than the group size ",
        "Retrieval with SQL condition is not activated",
    } <= texts


# What stands beside Message DB's own objects: (kind, names). None of it changes one of them.
BESIDE = {
    "function": {
        # 002: a batch in one statement
        *("lock_namespace", "write_one", "write_messages", "write_judged", "write_at"),
        # 003: pages and notices, as JSON text
        *("json_time", "stream_layout", "category_layout", "is_member", "first_position"),
        *("stream_page", "category_page", "all_page", "last_message", "stream_list", "head"),
        *("stream_pokes", "category_pokes", "all_pokes"),
        # 004: export and import
        *("export_page", "next_global_position"),
    },
    "relation": {"page_row", "poke_row"},
    # Streams by name, one entry each: position 0.
    "index": {"messages_streams"},
}

NAMES = ("category", "id", "cardinal_id", "is_category", "hash_64")

# What is different on purpose: what the genuine one says, what ours says, and why.
DIFFERENT = {
    # Inlined into the plan of a query that calls them for each row.
    **{f"function {name} language": ("plpgsql", "sql") for name in NAMES},
    # They are pure, so a parallel plan may call them in its workers.
    **{f"function {name} parallel": ("u", "s") for name in NAMES},
    # It answers the same within a statement, and always.
    "function message_store_version language": ("plpgsql", "sql"),
    "function message_store_version volatility": ("v", "s"),
    # A plan that was made for an empty table is kept by sessions that live on: it must be one that
    # uses the index.
    "function stream_version settings": (
        None,
        '["enable_seqscan=off", "enable_bitmapscan=off"]',
    ),
}


async def test_it_holds_the_same_objects_but_for_what_is_listed_here(
    genuine_client: Callable[..., Any], message_store: Connection
) -> None:
    genuine = await catalog(await genuine_client(), "message_store")
    ours = await catalog(message_store, "message_store")
    assert set(genuine) <= set(ours)
    different = {
        about: (genuine[about], ours[about]) for about in genuine if genuine[about] != ours[about]
    }
    # Whose rights these are: a namespace's schema gives none to a role of the whole server.
    rights = {about for about in different if about.endswith(" acl")}
    assert all("message_store=" in (genuine[about] or "") for about in rights)
    assert all(ours[about] is None for about in rights)
    assert {about: different[about] for about in different.keys() - rights} == DIFFERENT

    beside: dict[str, set[str]] = {}
    for about in ours.keys() - genuine.keys():
        kind, name, *_ = re.split(r"[ .]", about)
        beside.setdefault(kind, set()).add(name)
    assert beside.pop("column") == BESIDE["relation"]  # composite types
    assert beside == BESIDE
