"""What a check of a database finds."""

from __future__ import annotations

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """Something that must not be. `namespace` None: it is about the registry."""

    namespace: str | None
    problem: str
    """One line for the operator, which names the place."""


class NamespaceChecked(msgspec.Struct, frozen=True):
    """A namespace that was looked through, as it stood at one moment."""

    namespace: str
    messages: int
    streams: int
    head: int
    """The highest global position, 0 for none."""
    faults: tuple[Fault, ...]


# Faults of one kind that are listed before the rest is only counted: a database that was damaged
# by a program may have millions.
LISTED = 20
