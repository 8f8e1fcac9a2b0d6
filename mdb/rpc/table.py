"""All methods, by name."""

from __future__ import annotations

from mdb.rpc import (
    categories,
    namespace_reads,
    namespaces,
    streams,
    system,
    transactions,
    utilities,
)
from mdb.rpc.method import Method

METHODS: dict[str, Method] = {
    method.name: method
    for family in (
        streams,
        categories,
        namespace_reads,
        transactions,
        namespaces,
        utilities,
        system,
    )
    for method in family.METHODS
}
