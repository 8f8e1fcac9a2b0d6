"""What others did to a database that this server has open: told to whom it concerns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from mdb.core.messages import NamespaceRecord
from mdb.namespace import Namespace


class Elsewhere:
    """`Watched` for an open database: its feeds go on, its subscriptions end, its tokens expire."""

    def __init__(
        self,
        namespaces: Mapping[str, Namespace],
        tokens: Mapping[bytes, Namespace],
        *,
        distrust: Callable[[], None],
        revoke: Callable[[Namespace], None],
        bury: Callable[[Namespace], None],
    ) -> None:
        """`namespaces` by incarnation, `tokens` by digest: those of the database, as they change.

        `distrust` has look-ups that are under way asked again, `revoke` takes a namespace's tokens
        away, `bury` the namespace.
        """
        self._namespaces = namespaces
        self._tokens = tokens
        self._distrust = distrust
        self._revoke = revoke
        self._bury = bury

    def followed(self) -> Sequence[NamespaceRecord]:
        """See `Watched.followed`."""
        return [n.record for n in self._namespaces.values() if n.feed.hub]

    def advanced(self, record: NamespaceRecord, upto: int) -> None:
        """See `Watched.advanced`."""
        namespace = self._namespaces.get(record.incarnation)
        if namespace is not None:
            namespace.feed.advance(upto)

    def receded(self, record: NamespaceRecord, upto: int) -> None:
        """See `Watched.receded`."""
        namespace = self._namespaces.get(record.incarnation)
        if namespace is not None:
            namespace.feed.recede(upto)

    def stirred(self, record: NamespaceRecord) -> None:
        """See `Watched.stirred`."""
        namespace = self._namespaces.get(record.incarnation)
        if namespace is not None:
            namespace.feed.hub.wake()

    def in_use(self) -> tuple[Sequence[bytes], Sequence[str]]:
        """See `Watched.in_use`."""
        # What is being looked up is not among them: found before, it would be remembered after.
        self._distrust()
        return list(self._tokens), list(self._namespaces)

    def revoked(self, digests: Collection[bytes], incarnations: Collection[str]) -> None:
        """See `Watched.revoked`."""
        for namespace in {self._tokens[d] for d in digests if d in self._tokens}:
            self._revoke(namespace)
        for incarnation in incarnations:
            buried = self._namespaces.get(incarnation)
            if buried is not None:
                self._bury(buried)
