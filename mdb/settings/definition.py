"""Every setting of the server, once: its type and range, its unit, its default, what it is for.

The flags and their help texts, the names in the environment, the keys of the configuration file
and the checks are all made from this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, TypeAlias, get_type_hints
from urllib.parse import quote

import msgspec
from msgspec import Meta

from mdb.settings.urls import mask_url, postgres_url

ENVIRONMENT_PREFIX: Final = "MESSAGEDB_"
MASK: Final = "***"
MEMORY_URL: Final = "sqlite://:memory:"

LogLevel: TypeAlias = Literal["debug", "info", "warning", "error", "critical"]
Switch: TypeAlias = Literal["on", "off"]
LogFormat: TypeAlias = Literal["auto", "json", "text"]

_SECRET: Final = {"secret": True}
_SECONDS: Final = {"unit": "seconds"}
_BYTES: Final = {"unit": "bytes"}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a server is started with. `load` makes it from the sources, checked.

    Times are in seconds, sizes in bytes. Printed, it shows no secret.
    """

    db_url: Annotated[
        str | None,
        Meta(
            description=(
                "Database: sqlite:///DIRECTORY (relative; four slashes: absolute), "
                "sqlite://:memory:, or postgresql://USER@HOST[,HOST...]/NAME. "
                "Default: the data directory."
            ),
            extra=_SECRET,
        ),
    ] = None
    db_host: Annotated[
        str | None,
        Meta(description="Postgres host, or several with commas. Makes the URL where none is set."),
    ] = None
    db_port: Annotated[int, Meta(ge=1, le=65535, description="Postgres port, with db_host.")] = 5432
    db_name: Annotated[
        str | None, Meta(description="Postgres database, with db_host. Default: the user's name.")
    ] = None
    db_user: Annotated[str | None, Meta(description="Postgres user, with db_host.")] = None
    db_password: Annotated[
        str | None, Meta(description="Postgres password, with db_host.", extra=_SECRET)
    ] = None
    poll_interval: Annotated[
        float,
        Meta(
            gt=0,
            le=60,
            description=(
                "Time between two looks for what others wrote to the same Postgres; most that a "
                "lost notification costs."
            ),
            extra=_SECONDS,
        ),
    ] = 0.5
    listen: Annotated[
        Switch,
        Meta(
            description=(
                "Whether to listen for notifications of other servers on the same Postgres; off: "
                "polling alone."
            )
        ),
    ] = "on"
    listen_url: Annotated[
        str | None,
        Meta(
            description=(
                "Postgres URL to listen at: behind a transaction pooler, a direct address. "
                "Default: the database's own."
            ),
            extra=_SECRET,
        ),
    ] = None
    adopt: Annotated[
        bool,
        Meta(
            description=(
                "Serve a Message DB that is found at the first start in the Postgres schema "
                "message_store as the default namespace, in place."
            )
        ),
    ] = False
    data_dir: Annotated[
        str, Meta(min_length=1, description="Directory of the SQLite files, made if need be.")
    ] = "./data"
    host: Annotated[
        str, Meta(min_length=1, description="Address or name to listen on; 0.0.0.0 or :: for all.")
    ] = "127.0.0.1"
    port: Annotated[
        int, Meta(ge=0, le=65535, description="TCP port to listen on; 0 takes a free one.")
    ] = 8080
    token: Annotated[
        str | None,
        Meta(
            description=(
                "Admin token, well-formed for the namespace default; replaces the stored one. "
                "Default: the stored one, or one made at the first start."
            ),
            extra=_SECRET,
        ),
    ] = None
    test_mode: Annotated[
        bool, Meta(description="Keep everything in memory, and make namespaces on demand.")
    ] = False
    cors_origin: Annotated[
        tuple[str, ...],
        Meta(description="Web origin that may read the answers; may be repeated; * for any."),
    ] = ()
    log_level: Annotated[LogLevel, Meta(description="Least severity that is logged.")] = "info"
    log_format: Annotated[
        LogFormat, Meta(description="Form of the log; auto: text on a terminal, else JSON lines.")
    ] = "auto"
    request_timeout: Annotated[
        float, Meta(gt=0, le=3600, description="Deadline of a request.", extra=_SECONDS)
    ] = 30.0
    max_body: Annotated[
        int, Meta(ge=1024, le=2**31, description="Largest body of a request.", extra=_BYTES)
    ] = 16 * 2**20
    max_queue: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Writes that may wait in a namespace's queue before more are refused.",
        ),
    ] = 4096
    max_queue_bytes: Annotated[
        int,
        Meta(
            ge=2 * 2**20,  # what the largest message needs, its names and its flat cost included
            le=2**40,
            description="Most that the writes in a namespace's queue may hold together.",
            extra=_BYTES,
        ),
    ] = 64 * 2**20
    max_connections: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Open client connections.")
    ] = 16_384
    grace: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            description="Time that open requests are given when the server stops.",
            extra=_SECONDS,
        ),
    ] = 10.0
    keep_alive: Annotated[
        float,
        Meta(
            gt=0,
            le=3600,
            description="Silence of a subscription after which a comment is sent.",
            extra=_SECONDS,
        ),
    ] = 15.0
    idle_timeout: Annotated[
        float,
        Meta(
            gt=0,
            le=86_400,
            description="Silence of a connection without a request after which it is closed.",
            extra=_SECONDS,
        ),
    ] = 75.0
    head_timeout: Annotated[
        float,
        Meta(
            gt=0,
            le=3600,
            description="Time from the first byte of a request to the end of its headers.",
            extra=_SECONDS,
        ),
    ] = 15.0
    body_timeout: Annotated[
        float,
        Meta(
            gt=0,
            le=3600,
            description="Time from the end of a request's headers to the end of its body.",
            extra=_SECONDS,
        ),
    ] = 60.0
    send_timeout: Annotated[
        float,
        Meta(
            gt=0,
            le=3600,
            description="Time a client may take no byte before it is disconnected.",
            extra=_SECONDS,
        ),
    ] = 30.0

    @property
    def database(self) -> str:
        """The URL of the database that these settings mean, password included."""
        if self.test_mode:
            return MEMORY_URL
        if self.db_url is not None:
            return self.db_url
        if self.db_host is not None:
            return postgres_url(
                self.db_host, self.db_port, self.db_name, self.db_user, self.db_password
            )
        return "sqlite:///" + quote(self.data_dir)

    def masked(self) -> dict[str, object]:
        """Return every setting by its name, for people to look at: secrets are masked."""
        shown = msgspec.structs.asdict(self)
        for name in ("token", "db_password"):
            if shown[name] is not None:
                shown[name] = MASK
        for name in ("db_url", "listen_url"):
            url = shown[name]
            if isinstance(url, str):
                shown[name] = mask_url(url)
        return shown

    def __repr__(self) -> str:
        """Show the settings that differ from the defaults, without secrets."""
        default = msgspec.structs.asdict(Settings())
        changed = {n: v for n, v in self.masked().items() if v != default[n]}
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in changed.items())})"


class Setting(msgspec.Struct, frozen=True):
    """One setting, as its users name it."""

    name: str
    """The field of `Settings`, and the key in the configuration file."""
    type: Any
    """What a value must convert to, its range included."""
    default: object
    description: str
    unit: str | None
    """`seconds`, `bytes`, or None for a value without one."""
    secret: bool
    """Whether its value is never shown, and may be given as a file."""

    @property
    def flag(self) -> str:
        """The option of the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def environment(self) -> str:
        """The name of the environment variable."""
        return ENVIRONMENT_PREFIX + self.name.upper()

    @property
    def help(self) -> str:
        """What the command line says about it: what for, unit, name in the environment, default."""
        text = (
            self.description if self.unit is None else f"{self.description[:-1]}, in {self.unit}."
        )
        text += f" [env: {self.environment}{f', {self.environment}_FILE' if self.secret else ''}]"
        if self.default is None or self.default == ():
            return text
        default = str(self.default).lower() if isinstance(self.default, bool) else self.default
        return f"{text} [default: {default}]"


def _table() -> Mapping[str, Setting]:
    hints = get_type_hints(Settings, include_extras=True)
    found = {}
    for field in msgspec.structs.fields(Settings):
        annotation = hints[field.name]
        meta: Meta = annotation.__metadata__[0]
        extra = meta.extra or {}
        found[field.name] = Setting(
            name=field.name,
            type=annotation,
            default=field.default,
            description=meta.description or "",
            unit=extra.get("unit"),
            secret=extra.get("secret", False),
        )
    return MappingProxyType(found)


SETTINGS: Final[Mapping[str, Setting]] = _table()
"""Name -> setting, in the order in which help texts list them."""
