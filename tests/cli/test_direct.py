"""`mdb serve` goes past the library that reads command lines: by the same rules, and sooner."""

import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.commands import TOKEN
from fixtures.server import LIMIT, environment
from hypothesis import given, settings
from hypothesis import strategies as st

from mdb.cli.direct import serve_options
from mdb.cli.tree import make_app
from mdb.settings import SETTINGS

APP = make_app()

BEFORE_IT_LISTENS = """
import sys
from mdb.cli import main
from mdb.http import serve

def listen(*_):
    print(*sorted({watched} & set(sys.modules)))
    raise OSError(98, "seen")

serve.open_listeners = listen
main()
"""


def by_the_library(arguments: list[str]) -> dict[str, object]:
    """What the library gives the command `serve`."""
    _command, bound, _ignored = APP.parse_args(
        arguments, exit_on_error=False, print_error=False, verbose=False
    )
    return {name: value for name, value in bound.kwargs.items() if value is not None}


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """`serve` with options in every spelling, and values that may look like anything."""
    texts = st.text(max_size=8) | st.sampled_from(
        ["8080", "none", "null", "true", "false", "a,b", "a b", '"a"', "[]", "{}", "-1", "--host"]
    )
    words = ["serve"]
    for setting in draw(st.lists(st.sampled_from([*SETTINGS.values()]), max_size=4)):
        flag = setting.flag
        if isinstance(setting.default, bool):
            words.append(draw(st.sampled_from([flag, f"--no-{flag[2:]}"])))
        elif draw(st.booleans()):
            words += [flag, draw(texts)]
        else:
            words.append(f"{flag}={draw(texts)}")
    return words


@settings(max_examples=60, deadline=None)
@given(command_lines())
def test_what_is_read_directly_is_what_the_library_reads(arguments: list[str]) -> None:
    options = serve_options(arguments)
    assert options is None or options == by_the_library(arguments)


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], {}),
        (["--port=0", "--host", "::"], {"port": "0", "host": "::"}),
        (["--config", "mdb.toml"], {"config": "mdb.toml"}),
        (["--test-mode", "--no-adopt"], {"test_mode": True, "adopt": False}),
        (["--cors-origin=*", "--cors-origin", "b"], {"cors_origin": ["*", "b"]}),
        (["--db-url=postgresql://u@h/n?a=b"], {"db_url": "postgresql://u@h/n?a=b"}),
    ],
)
def test_what_a_server_is_started_with_is_read_directly(
    arguments: list[str], options: dict[str, object]
) -> None:
    assert serve_options(["serve", *arguments]) == options
    assert by_the_library(["serve", *arguments]) == options


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["migrate", "--data-dir=x"],
        ["--help"],
        ["serve", "--help"],
        ["serve", "--version"],
        ["serve", "--prot=1"],
        ["serve", "8080"],
        ["serve", "--port"],
        ["serve", "--port="],
        ["serve", "--port", "-1"],
        ["serve", "--port=1", "--port=2"],
        ["serve", "--test-mode=true"],
        ["serve", "--test-mode", "--no-test-mode"],
        ["serve", "--", "--port=1"],
        ["serve", '--cors-origin=["a"]'],
    ],
)
def test_everything_else_is_the_librarys(arguments: list[str]) -> None:
    assert serve_options(arguments) is None


def test_before_it_listens_it_loads_nothing_that_can_wait(tmp_path: Path) -> None:
    watched = (
        {"cyclopts", "rich", "http.client", "structlog", "tomllib"}
        | {"hypercorn", "quart", "jinja2", "h2", "prometheus_client"}
        | {"asyncpg", "trio_asyncio", "importlib.metadata"}
    )
    done = subprocess.run(
        [
            *(sys.executable, "-c", BEFORE_IT_LISTENS.format(watched=watched)),
            *("serve", "--port=0", f"--data-dir={tmp_path / 'data'}", f"--token={TOKEN}"),
        ],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.stdout == "\n", done.stderr
    assert done.stderr == "mdb: cannot listen on 127.0.0.1, port 0: seen\n"
    assert done.returncode == 1
