"""Who may import what, and where SQL may stand.

The import contracts in pyproject.toml say the same of the graph of modules; this file looks at the
statements themselves, so that it also sees what a graph does not: the whole list of what `actors`
may import, imports inside functions, SQL text outside of the stores.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# From the top down: a module imports from its own layer and from those below it.
LAYERS = (
    ("mdb.cli",),
    ("mdb.app",),
    ("mdb.http",),
    ("mdb.rpc",),
    (
        "mdb.database",
        "mdb.namespace",
        "mdb.appending",
        "mdb.reading",
        "mdb.writing",
        "mdb.follow",
        "mdb.transfer",
        "mdb.metrics",
    ),
    ("mdb.stores",),
    ("mdb.core",),
)

# External package -> the only places in mdb and actors that may import it.
ONLY_IN = {
    "apsw": ("mdb.stores",),
    "asyncpg": ("mdb.stores",),
    "sqlite3": ("mdb.stores",),
    "quart": ("mdb.http",),
    "quart_trio": ("mdb.http",),
    "hypercorn": ("mdb.http",),
    "httptools": ("mdb.http",),
    "prometheus_client": ("mdb.http",),
    "asyncio": ("mdb.stores.postgres",),
}

# An event loop, a clock or a socket in the core would make its rules depend on more than arguments.
NOT_IN_CORE = {
    *ONLY_IN,
    *("actors", "trio", "trio_asyncio", "outcome", "prometheus_client", "structlog", "logging"),
    *("socket", "ssl", "select", "threading", "subprocess", "multiprocessing", "time", "os"),
}

# Upper case anywhere in a text, lower case only where a statement begins: "select" is English too.
SQL = re.compile(
    r"\b(?:SELECT\s|INSERT\s+INTO|DELETE\s+FROM|UPDATE\s+\S+\s+SET\s|CREATE\s+(?:TABLE|INDEX|SCHEMA)"
    r"|ALTER\s+TABLE|DROP\s+(?:TABLE|SCHEMA)|PRAGMA\s)"
    r"|\A\s*(?:select\s.*\sfrom\s|insert\s+into|delete\s+from|update\s+\S+\s+set\s|create\s+table"
    r"|begin\s+immediate|pragma\s)",
    re.DOTALL,
)


def sources() -> dict[str, Path]:
    """Module name -> file, of everything that is shipped."""
    found = {}
    for package in ("mdb", "actors"):
        for file in sorted((ROOT / package).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


MODULES = sources()


def imports(module: str, file: Path) -> Iterator[tuple[int, str]]:
    """Line and absolute name of everything that a module imports, wherever the statement stands."""
    package = module.split(".") if file.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(file.read_text(), str(file))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                name = f"{source}.{alias.name}"
                # `from mdb.core import names` brings a module, `from mdb import open` a name.
                yield node.lineno, name if name in MODULES else source


def within(name: str, packages: tuple[str, ...] | set[str]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def layer(name: str) -> int | None:
    return next((i for i, modules in enumerate(LAYERS) if within(name, modules)), None)


def layer_of_the_embedding_api() -> int:
    return next(i for i, modules in enumerate(LAYERS) if "mdb.database" in modules)


def broken(module: str, name: str) -> str | None:
    """Which rule an import of `name` in `module` breaks, in words; None if it breaks none."""
    top = name.partition(".")[0]
    if within(module, ("actors",)):
        allowed = {"actors", "trio", "outcome", *sys.stdlib_module_names} - {"asyncio", "sqlite3"}
        return None if top in allowed else "actors imports trio, outcome and the standard library"
    if within(module, ("mdb.core",)) and within(name, NOT_IN_CORE):
        return "mdb.core is pure"
    places = ONLY_IN.get(top)
    if places and not within(module, places):
        return f"{top} only in {' and '.join(places)}"
    here, there = layer(module), layer(name)
    if name == "mdb" and here is not None and here >= layer_of_the_embedding_api():
        return "mdb itself is made of this: import the module that defines the name"
    if here is not None and there is not None and there < here:
        return f"{module} lies below {name}"
    return None


def texts(file: Path) -> Iterator[tuple[int, str]]:
    """Line and value of every string that is not a docstring; the fixed parts of f-strings too."""
    tree = ast.parse(file.read_text(), str(file))
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in docstrings:
            yield node.lineno, node.value


def test_imports_keep_to_the_layers() -> None:
    assert MODULES, "no modules found: the test looks in the wrong place"
    faults = [
        f"{file.relative_to(ROOT)}:{line}: imports {name}: {fault}"
        for module, file in MODULES.items()
        for line, name in imports(module, file)
        if (fault := broken(module, name))
    ]
    assert not faults, "\n".join(faults)


def test_sql_stands_in_the_stores_and_in_migrations_only() -> None:
    outside = {m: f for m, f in MODULES.items() if not within(m, ("mdb.stores",))}
    faults = [
        f"{file.relative_to(ROOT)}:{line}: SQL outside of mdb/stores: {text.strip()[:60]!r}"
        for file in outside.values()
        for line, text in texts(file)
        if SQL.search(text)
    ]
    for folder in ("mdb", "actors"):
        faults += [
            f"{file.relative_to(ROOT)}: an SQL file outside of mdb/stores"
            for file in (ROOT / folder).rglob("*.sql")
            if "stores" not in file.relative_to(ROOT).parts
        ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("mdb.core.names", "trio"),
        ("mdb.core.names", "mdb.stores.base"),
        ("mdb.stores.base", "mdb.namespace"),
        ("mdb.namespace", "mdb"),
        ("mdb.namespace", "apsw"),
        ("mdb.rpc.streams", "mdb.http.lane"),
        ("mdb.rpc.streams", "quart"),
        ("mdb.stores.sqlite.commit", "asyncio"),
        ("mdb.cli", "asyncpg"),
        ("actors.mailbox", "mdb.core"),
        ("actors.mailbox", "msgspec"),
    ],
)
def test_a_wrong_import_is_found(module: str, name: str) -> None:
    assert broken(module, name)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("mdb.core.rpc", "msgspec"),
        ("mdb.stores.sqlite.commit", "apsw"),
        ("mdb.stores.postgres.store", "asyncio"),
        ("mdb.namespace", "mdb.follow"),
        ("mdb.namespace", "actors"),
        ("mdb.http.lane", "httptools"),
        ("mdb.http.routes", "mdb.rpc.streams"),
        ("mdb.cli", "mdb"),
        ("actors.mailbox", "trio.lowlevel"),
    ],
)
def test_a_right_import_is_let_through(module: str, name: str) -> None:
    assert broken(module, name) is None


@pytest.mark.parametrize(
    ("text", "is_sql"),
    [
        ("SELECT id FROM messages", True),
        ("  select max(position)\n  from messages", True),
        ("insert into tokens values (?)", True),
        ("WITH m AS (SELECT 1) ", True),
        ("begin immediate", True),
        ("select the streams of one category", False),
        ("Updates are set aside", False),
    ],
)
def test_sql_is_told_from_english(text: str, is_sql: bool) -> None:
    assert bool(SQL.search(text)) is is_sql
