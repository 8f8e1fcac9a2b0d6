"""Subscribers of every kind, who come, stall, leave and come back, and note what they were told."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import trio

from mdb.core.hash64 import cardinal_hash, member_of
from mdb.core.messages import Follow, Poke
from mdb.core.names import category
from mdb.namespace import Namespace
from tests.torture.over_http import Remote


@dataclass(frozen=True)
class Stored:
    """A message as the database has it at the end."""

    stream: str
    position: int
    global_position: int
    correlation: str | None

    def matches(self, follow: Follow) -> bool:
        if follow.kind == "stream":
            return self.stream == follow.name and self.position >= follow.min_position
        if follow.kind == "category":
            if category(self.stream) != follow.name:
                return False
            if follow.correlation is not None and self.correlation != follow.correlation:
                return False
            hashed = cardinal_hash(self.stream)
            if follow.group is None:
                return True
            member, size = follow.group
            return hashed is not None and member_of(hashed, size) == member
        return True


@dataclass
class Subscriber:
    """One of them. `after`: what a client would send as the id of its last event."""

    follow: Follow
    servers: Sequence[Namespace | Remote]
    chance: random.Random
    told: list[Poke] = field(default_factory=list)
    after: int = 0
    wanted: int | None = None

    @property
    def has_all(self) -> bool:
        return self.wanted is not None and len(self.told) >= self.wanted

    async def run(self, finishing: trio.Event) -> None:
        """Follow until told how much there is (`wanted`), and that much was told."""
        while not self.has_all:
            follower = self.chance.choice(self.servers).follow(self.follow, self.after)
            try:
                stays = self.chance.randint(1, 40)
                while stays > 0 or finishing.is_set():
                    stays -= 1
                    if self.has_all:
                        return
                    with trio.move_on_after(self.chance.uniform(0.2, 2.0)):
                        delivery = await follower.receive()
                        self.told += delivery.pokes
                        self.after = delivery.upto
                    if not finishing.is_set() and self.chance.random() < 0.05:
                        await trio.sleep(self.chance.uniform(0, 0.5))  # it stalls
                    if not finishing.is_set() and self.chance.random() < 0.05:
                        break  # it leaves, with what it has seen
            finally:
                follower.close()

    def fault(self, stored: Sequence[Stored]) -> str | None:
        """Say what is wrong with what it was told."""
        expected = [
            (m.stream, m.position, m.global_position) for m in stored if m.matches(self.follow)
        ]
        told = [(p.stream, p.position, p.global_position) for p in self.told]
        if told == expected:
            return None
        missing = sorted(set(expected) - set(told), key=lambda m: m[2])
        return (
            f"{self.follow}: told {len(told)} of {len(expected)}, missing {len(missing)} "
            f"{missing[:3]}, repeated {len(told) - len(set(told))}"
        )


def of_every_kind(
    count: int,
    servers: Sequence[Namespace | Remote],
    streams: Sequence[str],
    chance: random.Random,
) -> list[Subscriber]:
    """So many, a third of them of everything."""
    here = all(isinstance(server, Namespace) for server in servers)
    categories = sorted({category(stream) for stream in streams})
    made = []
    for number in range(count):
        name = chance.choice(categories)
        follow = (
            Follow("all"),
            Follow("category", name),
            Follow("stream", chance.choice(streams), min_position=chance.choice((0, 0, 3)) * here),
            Follow("all"),
            Follow("category", name, group=(chance.randrange(3), 3)),
            Follow("category", name, correlation="c1"),
        )[number % 6]
        made.append(Subscriber(follow, servers, random.Random(chance.random())))
    return made
