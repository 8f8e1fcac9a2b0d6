"""Which messages a command reads: one stream, one category, or the whole namespace."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from cyclopts import Parameter

from mdb.cli.client import Client
from mdb.cli.failures import UsageError
from mdb.cli.messages import Message, parse

# Messages fetched at a time. Each may have a MiB, and a page is held whole: so a reader of the
# output may take its time without the server having to wait for it.
PAGE = 500

_GROUP = re.compile(r"([0-9]{1,5})/([0-9]{1,5})")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Selection:
    """The options of the commands that read messages."""

    category: Annotated[str | None, Parameter(help="Read the streams of a category instead.")] = (
        None
    )
    everything: Annotated[
        bool,
        Parameter(
            name="--all", negative=(), show_default=False, help="Read the whole namespace instead."
        ),
    ] = False
    type: Annotated[str | None, Parameter(help="Only messages of this type.")] = None
    correlation: Annotated[
        str | None,
        Parameter(help="Only messages correlated with streams of this category; with --category."),
    ] = None
    consumer_group: Annotated[
        str | None,
        Parameter(help="Only the streams of a group's member, as in 0/3; with --category."),
    ] = None

    def of(self, stream: str | None) -> Source:
        """Put them together with the stream of the arguments. Raises `UsageError`."""
        given = [stream is not None, self.category is not None, self.everything]
        if sum(given) != 1:
            raise UsageError("exactly one of STREAM, --category and --all is needed")
        for name, value in (
            ("--correlation", self.correlation),
            ("--consumer-group", self.consumer_group),
        ):
            if value is not None and self.category is None:
                raise UsageError(f"{name} goes with --category only")
        group = None if self.consumer_group is None else _group(self.consumer_group)
        return Source(stream, self.category, self.type, self.correlation, group)


NOTHING = Selection()
"""What a command is called with where no option is given."""


def _group(text: str) -> tuple[int, int]:
    found = _GROUP.fullmatch(text)
    if found is None or not int(found[1]) < int(found[2]) <= 32767:
        raise UsageError(f"--consumer-group: expected MEMBER/SIZE, as in 0/3, got {text}")
    return int(found[1]), int(found[2])


class Source(msgspec.Struct, frozen=True):
    """What is read. `stream` and `category` both None: the whole namespace."""

    stream: str | None
    category: str | None
    type: str | None = None
    correlation: str | None = None
    group: tuple[int, int] | None = None
    """Member and size."""

    def fetch(self, client: Client, options: dict[str, Any], limit: int) -> list[Message]:
        """Read one page of at most `limit` messages. `options`: position, direction."""
        wanted = {**options, "batchSize": limit, "type": self.type}
        wanted["correlation"] = self.correlation
        if self.group is not None:
            member, size = self.group
            wanted["consumerGroup"] = {"member": member, "size": size}
        wanted = {name: value for name, value in wanted.items() if value is not None}
        if self.stream is not None:
            return parse(client.call("stream.get", self.stream, wanted), self.stream)
        if self.category is not None:
            return parse(client.call("category.get", self.category, wanted), None)
        return parse(client.call("ns.get", wanted), None)

    @property
    def position_option(self) -> str:
        """What the position of a read's beginning is called: of the stream, or of all."""
        return "globalPosition" if self.stream is None else "position"

    def end(self, client: Client) -> int:
        """Return the global position of the last message that there is, 0 for none."""
        last = self.fetch(client, {"direction": "backward"}, 1)
        return last[0].global_position if last else 0

    def subscription(self, position: int | str | None) -> str:
        """Return the path of a subscription to it, from `position` on, None for the beginning."""
        query: dict[str, object] = {"all": "true"}
        if self.stream is not None:
            query = {"stream": self.stream}
        elif self.category is not None:
            query = {"category": self.category}
        if self.correlation is not None:
            query["correlation"] = self.correlation
        if self.group is not None:
            query["consumer"], query["size"] = self.group
        if position is not None:
            query["position"] = position
        return f"/subscribe?{urlencode(query)}"


def pages(
    client: Client, source: Source, position: int | None, limit: int, *, backward: bool
) -> Iterator[list[Message]]:
    """Read page by page, `limit` messages at most, -1 for all that there are at the start.

    Nothing is held open between pages, and memory does not grow with their number.
    """
    options: dict[str, Any] = {"direction": "backward" if backward else "forward"}
    if position is not None:
        options[source.position_option] = position
    bound = source.end(client) if limit == -1 and not backward else None
    left = limit
    while left:
        size = PAGE if left < 0 else min(PAGE, left)
        page = source.fetch(client, options, size)
        whole = len(page) == size
        if bound is not None:
            page = [m for m in page if m.global_position <= bound]
            whole = whole and len(page) == size
        if page:
            yield page
        if not whole:
            return
        last = page[-1]
        reached = last.global_position if source.stream is None else last.position
        if backward and reached <= 1 - (source.stream is not None):
            return
        options[source.position_option] = reached + (-1 if backward else 1)
        left = left if left < 0 else left - size
