"""What PgBouncer must be told: `pgbouncer.ini` and `userlist.txt` for the servers that the settings name.

Every address of the app (each logical database's primary, each replica) becomes an entry of its own: a multi-host
entry would spread one client's reads over servers that are not equally far. Where an address has a pooled URL
(`BLOG_DATABASE_URL`) beside its direct one (`BLOG_DIRECT_URL`), the pooled URL fixes the entry's name, its login and
where PgBouncer listens. Where there is one URL only, the entry is named after the logical database, and
`pgbouncer.env` tells the app the pooled URL.

Guarantee: the same settings give the same bytes; nobody but the owner can read the files; nothing is logged.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from psycopg2.extensions import parse_dsn

from blog_app.config import ConfigurationError, Settings

PAIR = ("pgbouncer.ini", "userlist.txt")
ADMIN_PASSWORD = "PGBOUNCER_ADMIN_PASSWORD"  # noqa: S105 - the name of a variable
LISTEN = ("127.0.0.1", "6432")
POOL_SIZE = 4
TLS_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
TLS_FILES = {"sslrootcert": "server_tls_ca_file", "sslcert": "server_tls_cert_file", "sslkey": "server_tls_key_file"}
QUERY_GRACE_SECONDS = 5


@dataclass(frozen=True)
class Login:
    user: str
    password: str


@dataclass(frozen=True)
class Entry:
    """One line of `[databases]`: what clients ask for, and the server that answers."""

    variable: str
    """The environment variable that the app reads its address from."""
    name: str
    listen: tuple[str, str]
    client: Login
    server: Login
    target: dict[str, str]
    """libpq's words for the server: host, port, dbname, sslmode ..."""

    @property
    def url(self) -> str:
        """The address for the app."""
        login = f"{quote(self.client.user, safe='')}:{quote(self.client.password, safe='')}"
        return f"postgresql://{login}@{':'.join(self.listen)}/{quote(self.name, safe='')}"


def files(settings: Settings, *, pool_size: int = POOL_SIZE, admin_password: str = "") -> dict[str, str]:
    """Return the files by name: `pgbouncer.ini`, `userlist.txt`, and `pgbouncer.env` for the app beside it.

    Raises `ConfigurationError` where the URLs contradict one another.
    """
    entries = list(_entries(settings))
    return {
        "pgbouncer.ini": _ini(settings, entries, pool_size, admin=bool(admin_password)),
        "userlist.txt": _userlist(entries, admin_password),
        "pgbouncer.env": _environment(settings, entries),
    }


def write(folder: Path, contents: dict[str, str]) -> None:
    """Write the files into `folder`, each replaced as a whole and readable by its owner only, who stays the same."""
    for name, text in contents.items():
        new = folder / f".{name}.new"
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        if (folder / name).exists() and os.geteuid() == 0:
            before = (folder / name).stat()
            os.chown(new, before.st_uid, before.st_gid)
        new.replace(folder / name)


def _addresses(settings: Settings) -> Iterator[tuple[str, str, str, str]]:
    """Yield (variable, name of the entry, pooled URL, direct URL) of every address the app connects to."""
    for name, database in settings.databases.items():
        yield f"{name.upper()}_DATABASE_URL", name, database.url, database.direct_url
    for name, database in settings.databases.items():
        pairs = zip(database.replica_urls, database.replica_direct_urls, strict=True)
        for number, (pooled, direct) in enumerate(pairs, start=1):
            yield f"{name.upper()}_REPLICA_URLS", f"{name}_replica_{number}", pooled, direct


def _entries(settings: Settings) -> Iterator[Entry]:
    addresses = list(_addresses(settings))
    pooled_urls = [(variable, pooled) for variable, _, pooled, direct in addresses if pooled != direct]
    # Where no pooled URL says how clients come: one login for all entries, because two servers may know the same user
    # by different passwords and PgBouncer may not.
    listen, client = _door(*pooled_urls[0]) if pooled_urls else (LISTEN, None)
    for variable, name, pooled, direct in addresses:
        target = _parsed(variable, direct)
        server = Login(target.pop("user"), target.pop("password", ""))
        client = client or server
        if pooled == direct:
            yield Entry(variable, name, listen, client, server, target)
        else:
            yield Entry(variable, _parsed(variable, pooled)["dbname"], *_door(variable, pooled), server, target)


def _door(variable: str, url: str) -> tuple[tuple[str, str], Login]:
    """Return where PgBouncer listens and how clients log in there, as a pooled URL has it."""
    parts = _parsed(variable, url)
    listen = (parts.get("host", LISTEN[0]), parts.get("port", LISTEN[1]))
    return listen, Login(parts["user"], parts.get("password", ""))


def _parsed(variable: str, url: str) -> dict[str, str]:
    parts: dict[str, str] = parse_dsn(url)
    if not parts.get("user"):
        raise ConfigurationError(f"{variable} or its direct URL names no user: PgBouncer needs one")
    if "," in parts.get("host", ""):
        raise ConfigurationError(f"{variable} or its direct URL names several hosts: give each server a URL of its own")
    return parts


def _ini(settings: Settings, entries: list[Entry], pool_size: int, *, admin: bool) -> str:
    listen = {entry.listen for entry in entries}
    if len(listen) > 1:
        raise ConfigurationError(
            "the pooled URLs lead to several poolers "
            f"({', '.join(sorted(':'.join(address) for address in listen))}): one PgBouncer listens on one of them"
        )
    [(host, port)] = listen
    statement_ms = round(settings.statement_timeout * 1000)
    names = list(dict.fromkeys(entry.name for entry in entries))
    return INI.format(
        databases="\n".join(_line([e for e in entries if e.name == name], pool_size, statement_ms) for name in names),
        host=host,
        port=port,
        pool_size=pool_size,
        server_connections=pool_size * len(entries),
        client_users=", ".join(sorted({entry.client.user for entry in entries})),
        admin_users=ADMIN if admin else "",
        tls="\n".join(f"{key} = {value}" for key, value in _tls(entries).items()),
        statement_seconds=f"{settings.statement_timeout:g}",
        query_timeout=round(settings.statement_timeout) + QUERY_GRACE_SECONDS,
        connect_timeout=settings.connect_timeout,
    )


def _line(entries: list[Entry], pool_size: int, statement_ms: int) -> str:
    """Return the line of one entry; logical databases that ask for the same name share it, and its pool grows."""
    first = entries[0]
    if any(
        (entry.target, entry.server, entry.client) != (first.target, first.server, first.client) for entry in entries
    ):
        raise ConfigurationError(
            f"{' and '.join(dict.fromkeys(e.variable for e in entries))} share the entry {first.name!r} "
            "but differ in login or server"
        )
    words = ("host", "port", "dbname")
    values: dict[str, str] = {word: first.target[word] for word in words if word in first.target}
    # Also where it is the login of the clients: on RELOAD PgBouncer can exchange one, but neither add nor drop it.
    values["user"] = first.server.user
    if first.server.password:
        values["password"] = first.server.password
    if len(entries) > 1:
        values["pool_size"] = str(pool_size * len(entries))
    values["connect_query"] = f"SET statement_timeout = {statement_ms}"
    return f"{_word(first.name)} = {' '.join(f'{key}={_value(value)}' for key, value in values.items())}"


def _tls(entries: list[Entry]) -> dict[str, str]:
    """Return the TLS settings towards the servers: one set for all entries, so the strictest mode that any URL asks."""
    modes = [entry.target.get("sslmode", "prefer") for entry in entries]
    found = {"server_tls_sslmode": max(modes, key=TLS_MODES.index)}
    for word, setting in TLS_FILES.items():
        paths = sorted({entry.target[word] for entry in entries if word in entry.target})
        if len(paths) > 1:
            raise ConfigurationError(f"the URLs name several files as {word}: PgBouncer takes one for all servers")
        if paths:
            found[setting] = paths[0]
    return found


def _userlist(entries: list[Entry], admin_password: str) -> str:
    logins: dict[str, str] = {}
    for entry in entries:
        if logins.setdefault(entry.client.user, entry.client.password) != entry.client.password:
            raise ConfigurationError(f"the pooled URLs give the user {entry.client.user!r} two passwords")
    if admin_password:
        logins["pgbouncer_admin"] = admin_password
    return USERLIST + "".join(f"{_quoted(user)} {_quoted(password)}\n" for user, password in logins.items())


def _environment(settings: Settings, entries: list[Entry]) -> str:
    urls: dict[str, list[str]] = {}
    for entry in entries:
        urls.setdefault(entry.variable, []).append(entry.url)
    for name, database in settings.databases.items():
        urls[f"{name.upper()}_DIRECT_URL"] = [database.direct_url]
        if database.replica_urls:
            urls[f"{name.upper()}_REPLICA_DIRECT_URLS"] = list(database.replica_direct_urls)
    return "".join(f"{variable}={shlex.quote(','.join(values))}\n" for variable, values in urls.items())


def _word(name: str) -> str:
    return name if name.replace("_", "").isalnum() else _quoted(name)


def _value(text: str) -> str:
    plain = text and all(letter.isalnum() or letter in "._-/:" for letter in text)
    return text if plain else "'" + text.replace("'", "''") + "'"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


USERLIST = """\
; Who may log in to PgBouncer: "user" "password". Written by `flask pgbouncer`, explained in pgbouncer.ini.
"""

ADMIN = """\
; Who may also PAUSE, RELOAD and SHUTDOWN there.
admin_users = pgbouncer_admin
"""

INI = """\
; Written by `flask pgbouncer` for the environment's URLs: change those and write it again.
; Start with: pgbouncer pgbouncer.ini   (in this folder, not as root)

[databases]
; One entry for each logical database and each replica, so that each has a pool of its own and can move alone.
; Each has its login too: one that a line got by RELOAD alone would end PgBouncer 1.18.
; connect_query runs once on every new server connection. A session SET would leak to other clients in transaction
; mode; this one is the same for all, and is why a statement stops after {statement_seconds} s behind the pooler too.
{databases}

[pgbouncer]
listen_addr = {host}
listen_port = {port}
; No Unix socket: it would stand in /tmp under a name that a second PgBouncer wants too.
unix_socket_dir =

; A server connection belongs to a client for one transaction.
pool_mode = transaction

auth_type = scram-sha-256
; Relative to the folder in which PgBouncer is started. The passwords are plain, because PgBouncer has to log in to
; PostgreSQL with them; so the file is readable by its owner only.
auth_file = userlist.txt
; Who may SHOW POOLS, SHOW STATS ...: psql postgresql://USER@{host}:{port}/pgbouncer
stats_users = {client_users}
{admin_users}
; The app names its statement time limit when it connects. connect_query above sets it for everybody, so the word of
; one client is accepted and ignored. psycopg2 and JDBC send the other one.
ignore_startup_parameters = extra_float_digits,options

; Sizes. {pool_size} server connections an entry: {server_connections} in all, however many clients come. A request
; holds one for some milliseconds, so {pool_size} serve hundreds of requests a second; more make PostgreSQL slower.
default_pool_size = {pool_size}
; A client is only a socket and 2 kB. 900 stay below the usual limit of 1,024 open files a process.
max_client_conn = 900

; Time limits, in seconds, each shorter than the patience of the one who waits for it.
; A client waits this long for a free server connection, then gets an error, which the app answers as 503.
query_wait_timeout = 3
; A server that does not answer a connection attempt.
server_connect_timeout = {connect_timeout}
; The pause after a failed login: how long clients still wait after a restart of PostgreSQL (the default is 15).
server_login_retry = 1
; A server that hangs cannot enforce its statement_timeout of {statement_seconds} s: then the pooler ends the query.
query_timeout = {query_timeout}
; A client that began a transaction and went silent keeps a server connection from everybody else.
idle_transaction_timeout = 30
; Server connections are replaced after an hour, and closed when nobody needed them for five minutes.
server_lifetime = 3600
server_idle_timeout = 300
; A client that connects and never logs in.
client_login_timeout = 10
; A dead peer is noticed after about a minute, also while nobody sends.
tcp_keepalive = 1
tcp_keepidle = 30
tcp_keepintvl = 10
tcp_keepcnt = 3

; TLS towards PostgreSQL, as the URLs ask for it.
{tls}

; One line a minute of totals is enough; connections come and go all the time.
log_connections = 0
log_disconnections = 0
"""
