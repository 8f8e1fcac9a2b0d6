"""Named queries: one `.sql` file each, beside the store that runs them."""

from __future__ import annotations

from importlib import resources


def load(package: str) -> dict[str, str]:
    """Read a package's `queries/*.sql`; return name -> text."""
    folder = resources.files(package).joinpath("queries")
    return {
        file.name.removesuffix(".sql"): file.read_text(encoding="utf-8")
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    }
