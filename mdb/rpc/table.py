"""All methods, by name."""

from __future__ import annotations

from mdb.rpc import categories, namespaces, streams, system, utilities
from mdb.rpc.method import Method

METHODS: dict[str, Method] = {
    method.name: method
    for family in (streams, categories, namespaces, utilities, system)
    for method in family.METHODS
}
