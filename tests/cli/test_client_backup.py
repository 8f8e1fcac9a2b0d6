"""`mdb backup`: a copy that another server opens, made beside one that writes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.commands import TOKEN
from fixtures.server import LIMIT, Server, environment, start_server

from mdb.stores.sqlite import backup as sqlite_backup


def write(server: Server, stream: str, data: object, token: str = TOKEN) -> None:
    message = {"type": "T", "data": data}
    assert server.rpc("stream.write", stream, message, token=token).status_code == 200


def history(server: Server, token: str = TOKEN) -> list[object]:
    answer = server.rpc("category.get", "a", {"batchSize": -1}, token=token)
    assert answer.status_code == 200
    return answer.json()


def test_a_copy_made_beside_a_server_is_served_with_the_same_messages_and_tokens(
    mdb, tmp_path: Path
) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    with start_server([f"--data-dir={data}", f"--token={TOKEN}"]) as server:
        other = server.rpc("ns.create", "other", token=TOKEN).json()["token"]
        for number in range(5):
            write(server, f"a-{number % 2}", {"n": number})
        write(server, "a-1", "of the other", token=other)
        before = history(server), history(server, other)
        done = mdb("backup", str(copy), f"--data-dir={data}", "--json").document
        # The server goes on, and what it writes is not in the copy.
        write(server, "a-1", "after")
    assert done["destination"] == str(copy)
    assert [(n["namespace"], n["messages"], n["head"]) for n in done["namespaces"]] == [
        ("default", 5, 5),
        ("other", 1, 1),
    ]
    with start_server([f"--data-dir={copy}"]) as server:
        assert server.default_token is None
        assert (history(server), history(server, other)) == before
        write(server, "a-1", "goes on")
    assert mdb("check", f"--data-dir={copy}").code == 0


def test_it_says_what_was_copied_and_leaves_nothing_else(mdb, tmp_path: Path) -> None:
    with start_server([f"--data-dir={tmp_path / 'data'}", f"--token={TOKEN}"]):
        pass
    done = mdb("backup", str(tmp_path / "copy"), f"--data-dir={tmp_path / 'data'}")
    assert done.code == 0
    assert done.out.splitlines()[0].split() == ["NAMESPACE", "MESSAGES", "HEAD", "BYTES"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["copy", "data"]
    assert sorted(p.name for p in (tmp_path / "copy").iterdir()) == ["metadata.db", "namespaces"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with one message, and no server."""
    with start_server([f"--data-dir={tmp_path / 'data'}", f"--token={TOKEN}"]) as server:
        write(server, "a-1", 1)
    return tmp_path / "data"


def test_nothing_is_overwritten(mdb, data: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "file").write_text("kept")
    done = mdb("backup", str(tmp_path / "copy"), f"--data-dir={data}")
    assert done.refusal == f"{tmp_path / 'copy'} exists already"
    assert (tmp_path / "copy" / "file").read_text() == "kept"


def test_a_directory_without_a_database_is_refused_and_not_made(mdb, tmp_path: Path) -> None:
    done = mdb("backup", str(tmp_path / "copy"), f"--data-dir={tmp_path / 'none'}")
    assert "there is no database" in done.refusal
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_does_not_exist_is_refused(mdb, data: Path, tmp_path: Path) -> None:
    place = tmp_path / "none" / "copy"
    assert mdb("backup", str(place), f"--data-dir={data}").refusal.startswith(f"{place}: ")


def test_a_damaged_original_gives_no_copy(mdb, data: Path, tmp_path: Path) -> None:
    (file,) = (data / "namespaces").glob("*.db")
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    file.write_bytes(content)
    done = mdb("backup", str(tmp_path / "copy"), f"--data-dir={data}")
    assert "default" in done.refusal
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_a_namespace_deleted_meanwhile_is_in_neither_part_of_the_copy(
    mdb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    with start_server([f"--data-dir={data}", f"--token={TOKEN}"]) as server:
        server.rpc("ns.create", "going", token=TOKEN)
        served = sqlite_backup.served

        def delete_then_list(db):
            known = served(db)
            assert server.rpc("ns.delete", "going", token=TOKEN).status_code == 200
            return known

        monkeypatch.setattr(sqlite_backup, "served", delete_then_list)
        done = mdb("backup", str(copy), f"--data-dir={data}", "--json").document
    assert [n["namespace"] for n in done["namespaces"]] == ["default"]
    with start_server([f"--data-dir={copy}"]) as server:
        listed = server.rpc("ns.list", token=TOKEN).json()
        assert [n["namespace"] for n in listed] == ["default"]


def test_an_interrupt_leaves_nothing_behind(data: Path, tmp_path: Path) -> None:
    program = (
        "import sys, time\nfrom mdb.stores.sqlite import backup\n"
        "def stop(*args):\n    print('begun', flush=True)\n    time.sleep(60)\n"
        "backup.sync_directory = stop\n"
        "from mdb.cli.program import main\nmain()"
    )
    args = ["backup", str(tmp_path / "copy"), f"--data-dir={data}"]
    with subprocess.Popen(
        [sys.executable, "-c", program, *args],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT) == 130
        assert "Traceback" not in process.stderr.read()
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_a_database_that_is_no_directory_is_a_mistake(mdb, tmp_path: Path) -> None:
    for url in ("sqlite://:memory:", "postgresql://localhost/x"):
        done = mdb("backup", str(tmp_path / "copy"), "--db-url", url)
        assert (done.code, done.out) == (2, "")
    assert list(tmp_path.iterdir()) == []
