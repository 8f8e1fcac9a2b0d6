"""`ns.transact`: write many streams at once, all or nothing."""

from __future__ import annotations

import msgspec

from mdb.core.errors import InvalidRequest
from mdb.core.messages import MAX_MESSAGES_PER_WRITE, Append, NewMessage
from mdb.core.names import check_stream_name
from mdb.core.versions import add_expected
from mdb.rpc import arguments as a
from mdb.rpc.limits import MESSAGE_BYTES
from mdb.rpc.method import Method, Parameter
from mdb.rpc.results import WriteResult
from mdb.rpc.writes import ManyForm, write
from mdb.writing import AtIndex, check_count, check_ids


def _prepare_transact(
    items: list[a.TransactItem], options: a.TransactOptions | None
) -> tuple[Append, ManyForm]:
    check_count(len(items), "$[1]")
    messages: list[NewMessage] = []
    expect: dict[str, int] = {}
    expecting: dict[str, int] = {}
    for index, item in enumerate(items):
        with AtIndex(index):
            messages.append(_message(item, index))
            expected = None if item.options is None else item.options.expected_version
            if expected is not None:
                path = f"$[1][{index}][2].expectedVersion"
                add_expected(expect, item.stream, expected, path)
                expecting.setdefault(item.stream, index)
    check_ids(messages, "$[1][{}][2].id")
    if options is not None and options.check is not None:
        _add_checks(expect, options.check)
    return Append(tuple(messages), tuple(expect.items())), ManyForm(expecting)


def _message(item: a.TransactItem, index: int) -> NewMessage:
    path = f"$[1][{index}]"
    check_stream_name(item.stream, f"{path}[0]")
    given_id = None if item.options is None else item.options.id
    at = a.place(f"{path}[1]", f"{path}[2].id")
    return a.message(item.message, item.stream, given_id, at, limit=MESSAGE_BYTES)


def _add_checks(expect: dict[str, int], checks: dict[str, int]) -> None:
    if len(checks) > MAX_MESSAGES_PER_WRITE:
        raise InvalidRequest(
            f"check names at most {MAX_MESSAGES_PER_WRITE} streams, not {len(checks)}",
            path="$[2].check",
        )
    for stream, expected in checks.items():
        path = f"$[2].check[{msgspec.json.encode(stream[:100]).decode()}]"
        check_stream_name(stream, path)
        add_expected(expect, stream, expected, path)


METHODS = (
    Method(
        "ns.transact",
        "Write messages to any streams, all or nothing.",
        "namespace",
        (
            Parameter("writes", list[a.TransactItem]),
            Parameter("options", a.TransactOptions, required=False),
        ),
        write,
        result=list[WriteResult],
        prepare=_prepare_transact,
        queued=True,
    ),
)
