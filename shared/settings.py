"""Every setting of every process: one frozen class, read once at the entry point and passed down.

A setting named `queue_port` is the environment variable `QUEUE_PORT`. Flags win over the environment, the
environment over `.env`. The README's table and `.env.example` are generated from this class
(`python -m tools.settings_docs`), so the description of a field is the documentation of the setting.

Secrets that are not given are made once under `DATA_DIR` with mode 0600; production refuses to make them.
"""

import difflib
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from shared.commands import NO_SPACE
from shared.networks import TrustedNetworks
from shared.origins import Origins
from shared.password_rules import LENGTH, HashCost, has_usable_length
from shared.production import refusals

EXIT_BAD_SETTINGS = 78
"""Exit status of a process whose settings are wrong (sysexits EX_CONFIG): restarting it cannot help."""

_OURS = ("CONSOLE_", "QUEUE_")
_READ_BY_THE_SDK = {"CONSOLE_URL", "CONSOLE_API_KEY"}
_MIN_SECRET_CHARS = 32
_METRICS_APART = 1100
_LAST_PORT = 65535


class SettingsError(Exception):
    """The settings are wrong. `problems` holds one sentence for each, naming the setting and what to do."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class UnusableFolder(Exception):
    """A folder that a setting names cannot be used for now; the message names both and the reason."""


class Settings(BaseModel):
    """The settings, validated. Durations carry their unit in the name."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    console_env: Literal["development", "production"] = Field(
        "development", description="production refuses what a stranger could guess, and writes logs as JSON"
    )
    database_url: str = Field(
        "",
        repr=False,  # it may hold a password
        description="mysql://user:pass@host:3306/db or sqlite:///path; empty: SQLite at DATA_DIR/console.db",
    )
    durability: Literal["report", "strict"] = Field(
        "report",
        description="strict refuses to start on a database that may lose a commit in a power cut; report only says so",
    )
    data_dir: Path = Field(Path("data"), description="where SQLite, made secrets and local state live")
    jwt_secret: str = Field("", repr=False, description="signs access tokens; empty: made once under DATA_DIR")
    jwt_former_secret: str = Field(
        "", repr=False, description="the JWT_SECRET before this one: tokens it signed stay good until they expire"
    )
    queue_secret: str = Field(
        "", repr=False, description="bearer of the queue service's internal door; empty: made once under DATA_DIR"
    )
    queue_service_url: str = Field("", description="where nodes reach the queue service; empty: loopback at QUEUE_PORT")

    edge_port: int = Field(8080, ge=1, le=65535, description="port of the edge (Caddy)")
    edge_metrics_port: int = Field(
        0, ge=0, le=65535, description="port of the edge's own metrics, on loopback; 0: EDGE_PORT + 1100"
    )
    api_host: str = Field("127.0.0.1", description="address an API node listens on")
    api_port: int = Field(3000, ge=1, le=65535, description="port of the first API node; node i listens on API_PORT+i")
    queue_host: str = Field("127.0.0.1", description="address the queue service listens on")
    queue_port: int = Field(4000, ge=1, le=65535, description="port of the queue service")
    grpc_port: int = Field(9090, ge=1, le=65535, description="port of the gRPC edge; nothing listens on it yet")
    nodes: int = Field(2, ge=1, le=64, description="API nodes that `console up` starts")

    queue_batch_size: int = Field(10, ge=1, le=1000, description="commands a batch holds at most")
    queue_flush_interval_ms: int = Field(100, ge=1, le=10_000, description="longest wait of a command for its batch")
    queue_flush_policy: Literal["adaptive", "interval"] = Field(
        "adaptive", description="adaptive cuts a batch when the writer is free; interval waits for size or time"
    )
    queue_max_retries: int = Field(3, ge=0, le=10, description="replays of a batch after a passing database error")
    queue_intake_commands: int = Field(
        10_000, ge=1, description="commands held at most; past it writes get 503 queue_full"
    )
    queue_intake_bytes: int = Field(64 << 20, ge=1 << 20, description="bytes of commands held at most")
    redis_url: str = Field(
        "",
        repr=False,  # it may hold a password
        description="redis://host:6379/0, if changed rights shall reach nodes by Redis, too; empty: none",
    )
    task_max_retry_count: int = Field(
        3, ge=1, le=1_000, description="attempts of a job whose client names no `maxAttempts`; errors alone are counted"
    )
    db_pool_size: int = Field(10, ge=1, le=200, description="database connections of one API node")

    admin_username: str = Field(
        "",
        max_length=255,
        description="an administrator to make at the start, unless the name is taken; empty: the first to register",
    )
    admin_password: str = Field("", repr=False, max_length=1024, description="the password of that administrator")
    registration: Literal["open", "closed"] = Field("open", description="whether strangers may register")
    password_hash: HashCost = Field(
        "rfc9106",
        description="argon2id parameters of new hashes: rfc9106 (64 MiB, 3 passes) or, for small machines, owasp "
        "(19 MiB, 2 passes), the least that OWASP advises",
    )
    registrations_per_hour: int = Field(
        100, ge=1, le=1_000_000, description="accounts one address may register in an hour before it has to wait"
    )
    default_language: Literal["zh-CN", "en"] = Field(
        "zh-CN", description="language of messages when the request names none it knows"
    )
    token_ttl_s: int = Field(900, ge=30, le=86_400, description="life of an access token, in seconds")
    refresh_ttl_s: int = Field(
        604_800, ge=60, le=31_536_000, description="life of a sign-in, however often it is refreshed, in seconds"
    )
    trusted_proxies: str = Field(
        "127.0.0.0/8,::1/128",
        description="networks whose X-Forwarded-For a node believes, separated by commas: where the edge runs",
    )
    cors_origins: str = Field(
        "", description="origins of other sites whose pages may call the API, separated by commas; empty: none"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least severe line written")
    log_dir: str = Field("", description="folder for rotated log files beside the standard output; empty: no files")

    @field_validator("database_url")
    @classmethod
    def _leads_to_a_database(cls, url: str) -> str:
        # here, not at the top: SQLAlchemy takes a moment to import
        from shared.db.url import problem_of

        if url and (problem := problem_of(url)):
            raise ValueError(f"{problem}; it must be mysql://user:pass@host:3306/db or sqlite:///path")
        return url

    @field_validator("queue_service_url")
    @classmethod
    def _can_be_called(cls, url: str) -> str:
        if url and not re.match(r"https?://[^/\s?#]+/?$", url):
            raise ValueError("it must be http://host:port, without a path")
        return url

    @field_validator("redis_url")
    @classmethod
    def _leads_to_redis(cls, url: str) -> str:
        if url and not re.match(r"rediss?://[^/\s?#]+(/\d*)?$", url):
            raise ValueError("it must be redis://host:6379/0, or rediss:// for TLS")
        if url and find_spec("redis") is None:
            raise ValueError("the package redis is not installed: install the-console[redis], or leave it empty")
        return url

    @field_validator("trusted_proxies")
    @classmethod
    def _is_a_list_of_networks(cls, text: str) -> str:
        TrustedNetworks.parse(text)
        return text

    @field_validator("cors_origins")
    @classmethod
    def _is_a_list_of_origins(cls, text: str, info: ValidationInfo) -> str:
        if Origins.parse(text).are_all and info.data.get("console_env") == "production":
            raise ValueError("* lets the pages of every site call the API: in production, name the origins")
        return text

    @property
    def is_production(self) -> bool:
        return self.console_env == "production"

    @property
    def database(self) -> str:
        """The database URL with the embedded default filled in."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'console.db'}"

    @property
    def metrics_port(self) -> int:
        """Port of the edge's metrics: beside its own, so that a second cluster on a machine needs no more flags."""
        beside = self.edge_port + _METRICS_APART
        return self.edge_metrics_port or (beside if beside <= _LAST_PORT else self.edge_port - _METRICS_APART)

    @property
    def trusted_networks(self) -> TrustedNetworks:
        """The networks of TRUSTED_PROXIES."""
        return TrustedNetworks.parse(self.trusted_proxies)

    @property
    def allowed_origins(self) -> Origins:
        """The origins of CORS_ORIGINS."""
        return Origins.parse(self.cors_origins)

    @property
    def queue_url(self) -> str:
        """Where a node reaches the queue service, without a trailing slash."""
        return (self.queue_service_url or f"http://127.0.0.1:{self.queue_port}").rstrip("/")


def load_settings(environ: Mapping[str, str], dotenv: Path | None = Path(".env"), **flags: object) -> Settings:
    """Read the settings: flags that are not None, then `environ`, then the `.env` file, then the defaults.

    An empty value counts as not given. Raises SettingsError naming every wrong one, and every variable that looks
    like ours but is not (a typo would otherwise be silently ignored).
    """
    # not interpolated: a password may hold a `$`
    from_file = dotenv_values(dotenv, interpolate=False) if dotenv else {}
    given = {k.upper(): v for source in (from_file, environ) for k, v in source.items() if v}
    problems = list(_unknown(given))
    values: dict[str, object] = {name: given[name.upper()] for name in Settings.model_fields if name.upper() in given}
    values |= {name: value for name, value in flags.items() if value is not None}
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        # the offending value is not repeated: it may be a secret, or a URL that holds one
        problems += [
            f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors()
        ]
        raise SettingsError(problems) from None
    if problems:
        raise SettingsError(problems)
    return settings


def with_secrets(settings: Settings) -> Settings:
    """The settings of a process that serves: safe enough, and both secrets present, made under `data_dir` where
    development allows it.

    Two processes that start at once agree on one secret: the file is created exclusively, the loser reads it.
    Raises SettingsError for a secret shorter than 32 characters, half an administrator, and in production for what
    `shared.production` refuses; UnusableFolder when a made secret cannot be kept.
    """
    if problems := what_prevents_serving(settings):
        raise SettingsError(problems)
    made = {name: getattr(settings, name) or _kept(settings.data_dir, name) for name in ("jwt_secret", "queue_secret")}
    return settings.model_copy(update=made)


def what_prevents_serving(settings: Settings) -> list[str]:
    """A sentence for each thing that a process must not start to serve with; none for settings that will do."""
    return [*_incomplete(settings), *(refusals(settings) if settings.is_production else ())]


def _incomplete(settings: Settings) -> Iterator[str]:
    for name in ("jwt_secret", "jwt_former_secret", "queue_secret"):
        value = getattr(settings, name)
        if value and len(value) < _MIN_SECRET_CHARS:
            yield f"{name.upper()} has {len(value)} characters: set at least {_MIN_SECRET_CHARS}"
    if settings.jwt_former_secret and settings.jwt_former_secret == settings.jwt_secret:
        yield "JWT_FORMER_SECRET is JWT_SECRET: set the one that was there before, or none"
    if bool(settings.admin_username) != bool(settings.admin_password):
        missing = "ADMIN_PASSWORD" if settings.admin_username else "ADMIN_USERNAME"
        yield f"{missing} is not set: an administrator to make at the start takes both, or neither"
    if settings.admin_username and not re.fullmatch(NO_SPACE, settings.admin_username):
        yield "ADMIN_USERNAME holds a space, a control character, < or >: a name to sign in with has none"
    if settings.admin_password and not has_usable_length(settings.admin_password):
        yield f"ADMIN_PASSWORD must have {LENGTH}"


def _kept(folder: Path, name: str) -> str:
    try:
        return _made_once(folder / name)
    except OSError as error:
        reason = "it is not a folder" if isinstance(error, FileExistsError) else error.strerror
        raise UnusableFolder(f"DATA_DIR: {folder} cannot be used: {reason}") from None


def _made_once(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
    try:
        # a link, not a rename: it fails when the name exists, so the first of two starters wins and the file is whole
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text().strip()


def _unknown(given: Mapping[str, str]) -> Iterator[str]:
    known = {name.upper() for name in Settings.model_fields}
    for key in sorted(given):
        if key.startswith(_OURS) and key not in known | _READ_BY_THE_SDK:
            near = difflib.get_close_matches(key, known, n=1)
            yield f"{key} is not a setting" + (f"; did you mean {near[0]}?" if near else "; remove it")
