"""Where settings come from, which source wins, and how a bad one is refused."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from mdb.settings import SETTINGS, ConfigurationError, Settings, load

TOKEN = "ns_ZGVmYXVsdA_" + "0123456789abcdef" * 4


def config(tmp_path: Path, text: str) -> str:
    file = tmp_path / "mdb.toml"
    file.write_text(text)
    return str(file)


def refusal(flags: dict[str, object], environ: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(flags, environ)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_nothing_set_gives_the_defaults() -> None:
    loaded = load({"port": None}, {"PATH": "/bin"})
    assert loaded.settings == Settings()
    assert (loaded.settings.host, loaded.settings.port) == ("127.0.0.1", 8080)
    assert loaded.settings.database == "sqlite:///./data"
    assert loaded.sources == {}


def test_a_flag_wins_over_the_environment_over_the_file_over_the_default(tmp_path: Path) -> None:
    file = config(tmp_path, 'port = 1\nhost = "file"\nlog_level = "error"\n')
    environ = {"MESSAGEDB_PORT": "2", "MESSAGEDB_HOST": "environment", "MESSAGEDB_CONFIG": file}
    loaded = load({"port": "3"}, environ)
    assert loaded.settings == Settings(port=3, host="environment", log_level="error")
    assert loaded.sources == {"port": "--port", "host": "MESSAGEDB_HOST", "log_level": file}


def test_the_configuration_file_of_the_flag_wins_over_the_environments(tmp_path: Path) -> None:
    file = config(tmp_path, "port = 1")
    loaded = load({"config": file}, {"MESSAGEDB_CONFIG": "/nowhere"})
    assert loaded.settings.port == 1


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_can_be_set_in_the_environment(name: str) -> None:
    values = {
        str: "x",
        "db_url": "sqlite:///x",
        "db_port": "99",
        "port": "99",
        "token": TOKEN,
        "poll_interval": "0.1",
        "listen": "OFF",
        "listen_url": "postgresql://h/x",
        "test_mode": "true",
        "adopt": "true",
        "cors_origin": "https://example.com",
        "log_level": "WARNING",
        "log_format": "text",
        **dict.fromkeys(
            ("request_timeout", "max_connections", "keep_alive", "idle_timeout"), "1234"
        ),
        **dict.fromkeys(("max_queue", "head_timeout", "body_timeout"), "1234"),
        **dict.fromkeys(("max_body", "grace", "send_timeout"), "2345"),
        "max_queue_bytes": "2345678",
    }
    environ = {SETTINGS[name].environment: values.get(name, "x")}
    if name.startswith("db_") and name not in ("db_host", "db_url"):
        environ["MESSAGEDB_DB_HOST"] = "h"
    assert getattr(load({}, environ).settings, name) != SETTINGS[name].default


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    assert load({}, {"MESSAGEDB_PORT": "", "MESSAGEDB_TOKEN": ""}).settings == Settings()


def test_several_origins_are_taken_from_one_variable_from_flags_and_from_a_list(
    tmp_path: Path,
) -> None:
    both = ("https://a.example", "http://b.example:8000")
    file = config(tmp_path, 'cors_origin = ["https://a.example", "http://b.example:8000"]')
    assert load({}, {"MESSAGEDB_CORS_ORIGIN": ", ".join(both)}).settings.cors_origin == both
    assert load({"cors_origin": list(both)}, {}).settings.cors_origin == both
    assert load({"config": file}, {}).settings.cors_origin == both


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "x"),
        ("port", "65536"),
        ("port", "-1"),
        ("port", "1.5"),
        ("grace", "nan"),
        ("grace", "-1"),
        ("request_timeout", "0"),
        ("request_timeout", "inf"),
        ("test_mode", "maybe"),
        ("log_level", "loud"),
        ("log_format", "xml"),
        ("max_body", "16MiB"),
        ("cors_origin", "example.com"),
        ("cors_origin", "https://example.com/"),
        ("cors_origin", "https://EXAMPLE.com/path"),
        ("db_url", "mysql://localhost/x"),
        ("db_url", "sqlite://data"),
        ("db_url", "sqlite:///"),
        ("db_url", "sqlite:///data#2"),
        ("token", "abc"),
    ],
)
def test_a_bad_value_is_refused_with_the_setting_and_its_source(name: str, value: str) -> None:
    setting = SETTINGS[name]
    assert refusal({name: value}, {}).startswith(f"{name} (from {setting.flag}): ")
    assert refusal({}, {setting.environment: value}).startswith(
        f"{name} (from {setting.environment}): "
    )


def test_a_bad_value_is_refused_also_where_a_better_one_overrules_it(tmp_path: Path) -> None:
    file = config(tmp_path, 'port = "x"')
    assert refusal({"port": "1", "config": file}, {}).startswith(f"port (from {file}): ")


def test_an_unknown_variable_is_refused_and_the_near_one_named() -> None:
    assert refusal({}, {"MESSAGEDB_LOGLEVEL": "info"}) == (
        "MESSAGEDB_LOGLEVEL (from the environment): there is no such setting; "
        "did you mean MESSAGEDB_LOG_LEVEL?"
    )


def test_an_unknown_key_of_the_file_is_refused_and_the_near_one_named(tmp_path: Path) -> None:
    file = config(tmp_path, "prot = 1")
    text = f"prot (from {file}): there is no such setting; did you mean port?"
    assert refusal({"config": file}, {}) == text


def test_variables_of_clients_and_of_an_orchestrator_are_not_refused() -> None:
    environ = {
        "MESSAGEDB_URL": "http://localhost:8080",
        "MESSAGEDB_TEST_DB_URL": "postgresql://localhost/test",
        "MESSAGEDB_BIN": "/usr/bin/mdb",
        # What Kubernetes sets beside a service called messagedb.
        "MESSAGEDB_SERVICE_HOST": "10.0.0.1",
        "MESSAGEDB_SERVICE_PORT": "8080",
        "MESSAGEDB_SERVICE_PORT_HTTP": "8080",
        "MESSAGEDB_PORT": "tcp://10.0.0.1:8080",
        "MESSAGEDB_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "MESSAGEDB_PORT_8080_TCP_ADDR": "10.0.0.1",
    }
    assert load({}, environ).settings == Settings()


@pytest.mark.parametrize("text", ["port = ", "\xff"], ids=["not TOML", "not UTF-8"])
def test_a_file_that_is_not_toml_is_refused_by_its_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mdb.toml"
    file.write_bytes(text.encode("latin-1"))
    assert refusal({"config": str(file)}, {}).startswith(f"config (from {file}): not TOML")


def test_a_file_that_is_not_there_is_refused_by_its_name(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.toml")
    assert refusal({}, {"MESSAGEDB_CONFIG": missing}) == (
        f"config (from {missing}): No such file or directory"
    )


def test_secrets_are_read_from_files_without_the_line_break_at_their_end(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN + "\n")
    (tmp_path / "password").write_text(" p@ss \r\n")
    environ = {
        "MESSAGEDB_TOKEN_FILE": str(tmp_path / "token"),
        "MESSAGEDB_DB_PASSWORD_FILE": str(tmp_path / "password"),
        "MESSAGEDB_DB_HOST": "db",
    }
    settings = load({}, environ).settings
    assert settings.token == TOKEN
    assert settings.db_password == " p@ss "


def test_a_secret_and_its_file_together_are_refused(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    environ = {"MESSAGEDB_TOKEN": TOKEN, "MESSAGEDB_TOKEN_FILE": str(tmp_path / "token")}
    assert refusal({}, environ).startswith("token (from MESSAGEDB_TOKEN_FILE): MESSAGEDB_TOKEN ")


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff", b"x" * 70_000])
def test_a_secrets_file_that_holds_no_secret_is_refused(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "url"
    if content is not None:
        file.write_bytes(content)
    text = refusal({}, {"MESSAGEDB_DB_URL_FILE": str(file)})
    assert text.startswith(f"db_url (from MESSAGEDB_DB_URL_FILE): {file}: ")


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"HOST": "db"}, "postgresql://db:5432/"),
        (
            {"HOST": "db", "PORT": "1", "NAME": "events", "USER": "mdb", "PASSWORD": "p"},
            "postgresql://mdb:p@db:1/events",
        ),
        ({"HOST": "a, b", "NAME": "n"}, "postgresql://a:5432,b:5432/n"),
        ({"HOST": "::1", "NAME": "n"}, "postgresql://[::1]:5432/n"),
        (
            {"HOST": "db", "USER": "a@b", "PASSWORD": "p:/?#@"},
            "postgresql://a%40b:p%3A%2F%3F%23%40@db:5432/",
        ),
    ],
)
def test_a_postgres_url_is_composed_of_its_parts(environ: dict[str, str], url: str) -> None:
    parts = {f"MESSAGEDB_DB_{name}": value for name, value in environ.items()}
    assert load({}, parts).settings.database == url


def test_parts_beside_a_url_are_not_used_and_said_to_be() -> None:
    loaded = load({"db_url": "sqlite:///x"}, {"MESSAGEDB_DB_HOST": "db"})
    assert loaded.settings.database == "sqlite:///x"
    assert loaded.warnings == (
        "db_host (from MESSAGEDB_DB_HOST) is not used: the URL is set (from --db-url)",
    )


@pytest.mark.parametrize(
    ("flags", "environ"),
    [
        ({"data_dir": "restored"}, {"MESSAGEDB_DB_URL": "sqlite:///live"}),
        ({"data_dir": "restored"}, {"MESSAGEDB_DB_HOST": "live"}),
        ({"db_host": "trial"}, {"MESSAGEDB_DB_URL": "postgresql://live/db"}),
        ({"db_name": "trial"}, {"MESSAGEDB_DB_URL": "postgresql://live/db"}),
    ],
)
def test_a_database_named_on_the_command_line_is_not_passed_over(
    flags: dict[str, str], environ: dict[str, str]
) -> None:
    """A check of a copy, or a release, would silently be one of what is live."""
    ((variable, _value),) = environ.items()
    with pytest.raises(ConfigurationError, match=f"would not be used: .*{variable}"):
        load(flags, environ)
    ((name, value),) = flags.items()
    # An image may set a directory for all, and its user a URL.
    load({}, {f"MESSAGEDB_{name.upper()}": value, **environ})


def test_a_part_without_a_host_is_refused() -> None:
    text = refusal({}, {"MESSAGEDB_DB_NAME": "events"})
    assert text.startswith("db_name (from MESSAGEDB_DB_NAME): ")
    assert "MESSAGEDB_DB_HOST" in text


def test_test_mode_is_in_memory_and_refuses_another_database() -> None:
    assert load({"test_mode": True}, {}).settings.database == "sqlite://:memory:"
    text = refusal({"test_mode": True}, {"MESSAGEDB_DB_URL": "postgresql://db/events"})
    assert text.startswith("db_url (from MESSAGEDB_DB_URL): test mode ")


def test_a_directory_with_odd_characters_is_a_url_that_means_it() -> None:
    assert Settings(data_dir="/var/a b%20?#").database == "sqlite:////var/a%20b%2520%3F%23"


@pytest.mark.parametrize("name", ["token", "db_password", "db_url"])
def test_a_refusal_does_not_quote_a_secret(tmp_path: Path, name: str) -> None:
    file = config(tmp_path, f'{name} = ["hunter2"]')
    assert "hunter2" not in refusal({"config": file}, {})


@pytest.mark.parametrize("name", ["db_url", "listen_url"])
@pytest.mark.parametrize("password", ["hid/den", "hid?den", "hid#den", "12/hid", "12?hid", "hid["])
def test_a_password_that_was_not_encoded_is_refused_and_not_quoted(
    name: str, password: str
) -> None:
    """Nothing could mask it: it does not stand where a password stands."""
    with pytest.raises(ConfigurationError, match="percent-encoded") as caught:
        load({name: f"postgresql://me:{password}@127.0.0.1:1/none"}, {})
    assert "hid" not in str(caught.value)


def test_the_masked_view_and_the_repr_hold_no_secret() -> None:
    settings = Settings(
        token=TOKEN,
        db_password="hunter2",
        db_url="postgresql://u:hunter3@h/n?password=hunter4&x=1",
    )
    masked = settings.masked()
    assert masked["token"] == masked["db_password"] == "***"
    assert masked["db_url"] == "postgresql://u:***@h/n?password=***&x=1"
    assert masked["port"] == 8080
    assert set(masked) == set(SETTINGS)
    for shown in (repr(settings), str(masked)):
        assert "hunter" not in shown
        assert TOKEN not in shown


def test_every_setting_says_what_it_is_for() -> None:
    for setting in SETTINGS.values():
        assert setting.description.endswith(".")
        assert setting.help.count(setting.environment) >= 1
    assert [f.name for f in msgspec.structs.fields(Settings)] == list(SETTINGS)
