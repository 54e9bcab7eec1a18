"""Configuration: environment variables become one validated, immutable `Settings`.

Guarantee: a process with an invalid setting does not start, and its error names every wrong variable, one a line.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args
from urllib.parse import urlsplit

import psycopg2
from flask import current_app
from psycopg2.extensions import parse_dsn

from blog_app.currencies import CURRENCIES

VERSION = "1.0.0"
"""The latest release, see CHANGELOG.md."""
DATABASE_NAMES = ("accounts", "blog", "shop", "files", "analytics")
"""The logical databases: each has a package `blog_app/NAME` and a folder `migrations/NAME`."""
Mode = Literal["production", "development", "test"]

POSTGRES_SCHEMES = ("postgresql", "postgres")
REDIS_SCHEMES = ("redis", "rediss", "unix")
MAIL_SCHEMES = ("smtp", "smtps", "file")
SITE_SCHEMES = ("https", "http")
TOKEN_PURPOSES = ("registration", "password reset", "email change", "invitation")
"""What the tokens in mails are for: each has a setting for the page that takes it."""
ESCAPE = "in user and password, write %40 for @, %3A for :, %2F for /, %3F for ?, %23 for #, %25 for %, %5B for ["
NEW_USER_ROLES = ("author", "editor", "vendor")
"""The roles that everybody who registers may get: any but that of an admin."""
MIN_SECRET_KEY_LENGTH = 16
NAME = re.compile(r"[A-Za-z0-9._-]{1,40}")
LOCAL_ORIGIN = re.compile(r"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?")
ROOT = Path(__file__).resolve().parent.parent
MAIL_FOLDER = ROOT / "var" / "mail"


class ConfigurationError(Exception):
    """The environment is not valid; `str()` gives one line per wrong variable."""


@dataclass(frozen=True)
class DatabaseSettings:
    """Where one logical database lives."""

    name: str
    url: str
    """The primary as requests reach it: through the pooler where there is one."""
    direct_url: str
    """The primary without a pooler, for migrations and maintenance."""
    replica_urls: tuple[str, ...] = ()
    replica_direct_urls: tuple[str, ...] = ()
    """The replicas without a pooler, in the same order."""


@dataclass(frozen=True)
class Settings:
    """Everything that differs from one deployment to the next; docs/reference/configuration.md says what each is.

    Timeouts are in seconds, `…_limit` of requests for one minute; a limit of 0 is none.
    """

    mode: Mode
    secret_key: str
    databases: Mapping[str, DatabaseSettings]
    redis_url: str | None
    redis_prefix: str
    """Begins the name of every key, so that deployments can share a Redis."""
    redis_timeout: float
    cache_at_request: int
    connect_timeout: int
    statement_timeout: float
    start_tries: int
    start_pause: float
    max_body_bytes: int
    max_file_bytes: int
    files_quota_bytes: int
    files_grace_days: int
    write_limit: int
    sign_in_limit: int
    search_limit: int
    read_limit: int
    address_limit_factor: int
    web_threads: int
    list_reads: int
    password_hashes: int
    cors_origins: tuple[str, ...]
    proxies: int
    replica_lag_bytes: int
    replica_lag_seconds: float
    token_days: int
    last_seen_minutes: int
    new_user_roles: tuple[str, ...]
    backup_dir: Path | None
    log_level: str
    sql_log: bool
    mail_url: str | None
    mail_from: str
    site_name: str
    site_url: str | None
    token_urls: Mapping[str, str]
    """The pages for the tokens in mails, by purpose, with `{token}` where the token goes."""
    mail_templates: Path | None
    currency: str
    reads_before_flask: bool
    count_views: bool
    view_months: int
    audit_days: int

    @property
    def production(self) -> bool:
        return self.mode == "production"

    @property
    def cors(self) -> bool:
        """Whether pages of any other site may call the API."""
        return bool(self.cors_origins) or self.mode == "development"

    def allows_origin(self, origin: str) -> bool:
        """Return whether pages of this origin may call the API: CORS_ORIGINS; in development, this machine's too."""
        return origin in self.cors_origins or (self.mode == "development" and bool(LOCAL_ORIGIN.fullmatch(origin)))

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Return the settings that `environ` describes; raise `ConfigurationError` naming each bad variable."""
        read = _Reader(environ)
        threads = read.integer("WEB_THREADS", 8, 1, 1_000)
        mode = cast(Mode, read.choice("APP_MODE", "production", get_args(Mode)))
        databases = read.databases()
        settings = cls(
            mode=mode,
            secret_key=read.secret("SECRET_KEY", required=mode == "production"),
            databases=databases,
            redis_url=read.redis_url(),
            redis_prefix=read.name("REDIS_PREFIX") or _redis_prefix(databases),
            redis_timeout=read.number("REDIS_TIMEOUT", 0.5, 0.05, 10),
            cache_at_request=read.integer("CACHE_AT_REQUEST", 2, 1, 2),
            connect_timeout=read.integer("CONNECT_TIMEOUT", 3, 1, 60),
            statement_timeout=read.number("STATEMENT_TIMEOUT", 10, 0.1, 600),
            start_tries=read.integer("START_TRIES", 5, 1, 1_000),
            start_pause=read.number("START_PAUSE", 4, 0, 60),
            max_body_bytes=read.integer("MAX_BODY_BYTES", 1_000_000, 1_000, 100_000_000),
            max_file_bytes=read.integer("MAX_FILE_BYTES", 25_000_000, 1_000, 1_000_000_000),
            files_quota_bytes=read.integer("FILES_QUOTA_BYTES", 1_000_000_000, 0, 10**15),
            files_grace_days=read.integer("FILES_GRACE_DAYS", 30, 0, 3_660),
            write_limit=read.integer("WRITE_LIMIT", 6_000, 0, 1_000_000),
            sign_in_limit=read.integer("SIGN_IN_LIMIT", 60, 0, 1_000_000),
            search_limit=read.integer("SEARCH_LIMIT", 600, 0, 1_000_000),
            read_limit=read.integer("READ_LIMIT", 0, 0, 1_000_000),
            address_limit_factor=read.integer("ADDRESS_LIMIT_FACTOR", 5, 1, 1_000),
            web_threads=threads,
            list_reads=read.integer("LIST_READS", max(1, threads // 2), 1, 1_000),
            password_hashes=read.integer("PASSWORD_HASHES", 1, 1, 1_000),
            cors_origins=read.origins("CORS_ORIGINS"),
            proxies=read.integer("PROXIES", 0, 0, 10),
            replica_lag_bytes=read.integer("REPLICA_LAG_BYTES", 16_000_000, 0, 10**12),
            replica_lag_seconds=read.number("REPLICA_LAG_SECONDS", 10, 0.1, 3600),
            token_days=read.integer("TOKEN_DAYS", 30, 1, 366),
            last_seen_minutes=read.integer("LAST_SEEN_MINUTES", 5, 0, 1_440),
            new_user_roles=read.choices("NEW_USER_ROLES", NEW_USER_ROLES),
            backup_dir=read.folder("BACKUP_DIR"),
            log_level=read.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
            sql_log=read.sql_log(mode),
            mail_url=read.url("MAIL_URL", MAIL_SCHEMES) or (None if mode == "production" else MAIL_FOLDER.as_uri()),
            mail_from=read.text("MAIL_FROM") or "Blog <blog@localhost>",
            site_name=read.text("SITE_NAME") or "The Blog",
            site_url=read.url("SITE_URL", SITE_SCHEMES),
            token_urls=read.token_urls(),
            mail_templates=read.folder("MAIL_TEMPLATES"),
            currency=read.currency("CURRENCY", "EUR"),
            reads_before_flask=read.yes("READS_BEFORE_FLASK"),
            count_views=read.yes("COUNT_VIEWS"),
            view_months=read.integer("VIEW_MONTHS", 3, 1, 120),
            audit_days=read.integer("AUDIT_DAYS", 0, 0, 36_500),
        )
        if read.problems:
            raise ConfigurationError("\n".join(read.problems))
        return settings


def settings() -> Settings:
    """Return the settings of the current app."""
    return cast(Settings, current_app.config["SETTINGS"])


class _Reader:
    """Reads typed values from an environment and collects their errors."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.problems: list[str] = []

    def text(self, name: str) -> str:
        return self.environ.get(name, "").strip()

    def folder(self, name: str) -> Path | None:
        value = self.text(name)
        return Path(value).expanduser() if value else None

    def name(self, name: str) -> str:
        value = self.text(name)
        if value and not NAME.fullmatch(value):
            self.problems.append(f"{name} is {value!r}, it must be 1 to 40 letters, digits, '-', '_' and '.'")
        return value

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name) or default
        if value not in allowed:
            self.problems.append(f"{name} is {value!r}, it must be one of: {', '.join(allowed)}")
        return value

    def currency(self, name: str, default: str) -> str:
        value = self.text(name) or default
        if value not in CURRENCIES:
            self.problems.append(f"{name} is {value!r}, it must be an ISO 4217 code with two decimal places, like EUR")
        return value

    def choices(self, name: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
        """Return the values of a comma-separated list."""
        values = tuple(dict.fromkeys(value.strip() for value in self.text(name).split(",") if value.strip()))
        for value in values:
            if value not in allowed:
                self.problems.append(f"{name} has {value!r}, it may have: {', '.join(allowed)}")
        return values

    def yes(self, name: str, default: str = "yes") -> bool:
        return self.choice(name, default, ("yes", "no")) == "yes"

    def sql_log(self, mode: str) -> bool:
        wanted = self.yes("SQL_LOG", "no")
        if wanted and mode == "production":
            self.problems.append("SQL_LOG=yes is for development: in production the log would have what users store")
        return wanted

    def number(self, name: str, default: float, minimum: float, maximum: float) -> float:
        value = self.text(name)
        try:
            number = float(value) if value else default
        except ValueError:
            number = float("nan")
        if not minimum <= number <= maximum:
            self.problems.append(f"{name} is {value!r}, it must be a number from {minimum:g} to {maximum:g}")
        return number

    def integer(self, name: str, default: int, minimum: int, maximum: int) -> int:
        value = self.text(name)
        number = int(value) if value.isdecimal() else default if not value else minimum - 1
        if not minimum <= number <= maximum:
            self.problems.append(f"{name} is {value!r}, it must be a whole number from {minimum} to {maximum}")
        return number

    def secret(self, name: str, *, required: bool) -> str:
        value = self.text(name)
        if required and len(value) < MIN_SECRET_KEY_LENGTH:
            state = "is too short" if value else "is missing"
            self.problems.append(
                f"{name} {state}: production needs a random one of at least {MIN_SECRET_KEY_LENGTH} characters "
                '(python3 -c "import secrets; print(secrets.token_hex(32))")'
            )
        return value or "development-only-secret"

    def url(self, name: str, schemes: tuple[str, ...]) -> str | None:
        value = self.text(name)
        return self._checked_url(name, value, schemes) if value else None

    def redis_url(self) -> str | None:
        url = self.url("REDIS_URL", REDIS_SCHEMES)
        verify = self.yes("REDIS_TLS_VERIFY")
        if url is None or verify or not url.startswith("rediss:"):
            return url
        return f"{url}{'&' if '?' in url else '?'}ssl_cert_reqs=none"

    def token_urls(self) -> dict[str, str]:
        """Return the pages for the tokens in mails that are known, by purpose; by default they are on the site."""
        site, found = self.text("SITE_URL").rstrip("/"), {}
        for purpose in TOKEN_PURPOSES:
            name = f"{purpose.upper().replace(' ', '_')}_URL"
            url = self.url(name, SITE_SCHEMES) or (site and f"{site}/{purpose.replace(' ', '-')}?token={{token}}")
            if url:
                found[purpose] = url
                if "{token}" not in url:
                    self.problems.append(f"{name} must contain {{token}}, where the token goes")
        return found

    def origins(self, name: str) -> tuple[str, ...]:
        """Return the origins of a comma-separated list: scheme, host and port, nothing after them."""
        values = tuple(value.strip() for value in self.text(name).split(",") if value.strip())
        for value in values:
            parts = urlsplit(value)
            if parts.scheme not in ("http", "https") or value != f"{parts.scheme}://{parts.netloc}" or not parts.netloc:
                self.problems.append(f"{name} has {value!r}, which must be like https://example.com, without a path")
        return values

    def databases(self) -> dict[str, DatabaseSettings]:
        shared = self.url("DATABASE_URL", POSTGRES_SCHEMES)
        shared_direct = self.url("DIRECT_URL", POSTGRES_SCHEMES)
        found = {}
        for name in DATABASE_NAMES:
            prefix = name.upper()
            own = self.url(f"{prefix}_DATABASE_URL", POSTGRES_SCHEMES)
            url = own or shared
            if url is None:
                self.problems.append(
                    f"{prefix}_DATABASE_URL is missing, and there is no DATABASE_URL that would serve all databases"
                )
                continue
            # DIRECT_URL is for DATABASE_URL: a database with a URL of its own is elsewhere.
            direct = self.url(f"{prefix}_DIRECT_URL", POSTGRES_SCHEMES) or (None if own else shared_direct) or url
            replicas = self._replicas(f"{prefix}_REPLICA_URLS")
            replicas_direct = self._replicas(f"{prefix}_REPLICA_DIRECT_URLS") or replicas
            if len(replicas_direct) != len(replicas):
                self.problems.append(f"{prefix}_REPLICA_DIRECT_URLS must name as many servers as {prefix}_REPLICA_URLS")
            found[name] = DatabaseSettings(name, url, direct, replicas, replicas_direct)
        if shared_direct and all(self.text(f"{name.upper()}_DATABASE_URL") for name in DATABASE_NAMES):
            unknown = [name.upper() for name in DATABASE_NAMES if not self.text(f"{name.upper()}_DIRECT_URL")]
            if unknown:
                self.problems.append(
                    "DIRECT_URL has no effect: it belongs to DATABASE_URL, but every logical database has a URL of its "
                    f"own. Set {', '.join(f'{prefix}_DIRECT_URL' for prefix in unknown)}, or remove DIRECT_URL"
                )
        return found

    def _replicas(self, name: str) -> tuple[str, ...]:
        values = [value.strip() for value in self.text(name).split(",")]
        urls = [self._checked_url(name, value, POSTGRES_SCHEMES) for value in values if value]
        return tuple(url for url in urls if url)

    def _checked_url(self, name: str, value: str, schemes: tuple[str, ...]) -> str | None:
        """Return the URL, with `postgresql://` for the driver. It may hold a password: errors never repeat it."""
        try:
            parts = urlsplit(value)
        except ValueError:
            self.problems.append(f"{name} is not a valid URL: {ESCAPE}")
            return None
        try:
            port_is_valid = parts.port != 0
        except ValueError:
            port_is_valid = False
        if parts.scheme not in schemes:
            allowed = " or ".join(f"{scheme}://" for scheme in schemes)
            given = f"{parts.scheme}://" if "://" in value else "a bare word"
            self.problems.append(f"{name} must begin with {allowed}, not {given}")
        elif parts.scheme in POSTGRES_SCHEMES and not is_escaped(value):
            self.problems.append(f"{name} is not a valid URL of PostgreSQL: {ESCAPE}")
        elif not port_is_valid:
            self.problems.append(f"{name} has a port that is not a number from 1 to 65535")
        elif parts.scheme not in POSTGRES_SCHEMES:
            return value
        elif len(parts.path) < 2:
            self.problems.append(f"{name} names no database: it must end in /NAME")
        else:
            return f"postgresql://{value.partition('://')[2]}"
        return None


def _redis_prefix(databases: Mapping[str, DatabaseSettings]) -> str:
    """Return a prefix that two deployments with different databases do not share: made of where `accounts` is.

    Not of what a database says of itself: a copy says the same.
    """
    if "accounts" not in databases:
        return ""
    parts = parse_dsn(databases["accounts"].direct_url)
    address = "/".join(parts.get(each, "") for each in ("host", "port", "dbname"))
    return f"blog-{hashlib.blake2b(address.encode(), digest_size=5).hexdigest()}"


def is_escaped(url: str) -> bool:
    """Return whether libpq reads a URL as it is meant; a password that is not escaped becomes host or database."""
    try:
        parts = urlsplit(url)
        parse_dsn(url)
    except (ValueError, psycopg2.ProgrammingError):
        return False
    ends_early = parts.netloc.count("@") > 1 or "@" in parts.path or ("@" in parts.query and not parts.path)
    return not ends_early and not parts.fragment
