"""The named queries with the names of schemas filled in."""

from __future__ import annotations

from mdb.stores.queries import load

# The schema that holds what the server knows of its namespaces.
REGISTRY_SCHEMA = "mdb"

_TEXTS = load("mdb.stores.postgres")


def quoted(identifier: str) -> str:
    """Quote a schema's name for use in SQL."""
    return '"' + identifier.replace('"', '""') + '"'


def fill(text: str, schema: str, functions: str | None = None) -> str:
    """Put a schema's name into a script, and that of the schema with this server's functions."""
    return text.replace("{schema}", quoted(schema)).replace(
        "{functions}", quoted(functions or schema)
    )


def registry_query(name: str) -> str:
    """Return a query that concerns the registry, or no schema at all."""
    return _TEXTS[name].replace("{registry}", quoted(REGISTRY_SCHEMA))


class NamespaceQueries:
    """The queries of one namespace.

    Filled in anew each time: a microsecond, where keeping them would cost some kilobytes for each
    namespace that was ever used.
    """

    def __init__(self, schema: str, functions: str | None = None) -> None:
        """`functions`: where this server's functions for it are, if not in the schema itself."""
        self.schema = schema
        self._functions = functions

    @property
    def adopted(self) -> bool:
        """Whether the schema is somebody else's, whose locks are of categories."""
        return self._functions not in {None, self.schema}

    def __getitem__(self, name: str) -> str:
        """Return a query by its file's name."""
        return fill(_TEXTS[name], self.schema, self._functions)
