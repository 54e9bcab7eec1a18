"""PgBouncer's configuration, `pgbouncer.ini` and `userlist.txt`, for the servers that the settings name.

Each address of the app (the primary and each replica of a logical database) becomes an entry of its own: a multi-host
entry would spread one client's reads over replicas with different lag. If an address has a pooled URL
(`BLOG_DATABASE_URL`) and a direct one (`BLOG_DIRECT_URL`), the pooled URL determines the entry's name, its login and
where PgBouncer listens. If there is one URL only, the entry is named after the logical database, and `pgbouncer.env`
has the pooled URL for the app.

Guarantee: the same settings give the same bytes; only the owner can read the files; nothing is logged.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from psycopg2.extensions import parse_dsn

from blog_app.config import ConfigurationError, Settings

PAIR = ("pgbouncer.ini", "userlist.txt")
ADMIN_PASSWORD = "PGBOUNCER_ADMIN_PASSWORD"  # noqa: S105 - the name of a variable
LISTEN = ("127.0.0.1", "6432")
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
POOL_SIZE = 4
TLS_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
TLS_FILES = {"sslrootcert": "server_tls_ca_file", "sslcert": "server_tls_cert_file", "sslkey": "server_tls_key_file"}
QUERY_GRACE_SECONDS = 5
QUERY_WAIT_SECONDS = 3
"""At most, and shorter than the app waits for a statement: it takes longer silence for a frozen server."""


class Login(NamedTuple):
    user: str
    password: str


class Entry(NamedTuple):
    """One line of `[databases]`: the name that clients use, and the server behind it."""

    variable: str
    """The environment variable with its address."""
    name: str
    listen: tuple[str, str]
    client: Login
    server: Login
    parameters: dict[str, str]
    """libpq's parameters for the server: host, port, dbname, sslmode ..."""

    @property
    def is_circular(self) -> bool:
        """Whether PgBouncer would connect to itself."""
        hosts = {self.parameters.get("host", "localhost"), self.listen[0]}
        return self.parameters.get("port", "5432") == self.listen[1] and (len(hosts) == 1 or hosts <= LOOPBACK)

    @property
    def url(self) -> str:
        """The address for the app."""
        login = f"{quote(self.client.user, safe='')}:{quote(self.client.password, safe='')}"
        host, port = self.listen
        return f"postgresql://{login}@{quote(host, safe='')}:{port}/{quote(self.name, safe='')}"


def files(
    settings: Settings,
    *,
    folder: Path = Path(),
    pool_size: int = POOL_SIZE,
    admin_password: str = "",
    socket_dir: Path | None = None,
) -> dict[str, str]:
    """Return the files by name: `pgbouncer.ini`, `userlist.txt`, and `pgbouncer.env` for the app.

    `folder` is where `userlist.txt` will be, by default where PgBouncer is started. With `socket_dir`, PgBouncer
    listens on a Unix socket in that folder only, whatever the pooled URLs name. Raises `ConfigurationError` if the
    URLs contradict each other.
    """
    entries = list(_entries(settings))
    if socket_dir:
        entries = [entry._replace(listen=(str(socket_dir.resolve()), LISTEN[1])) for entry in entries]
    for entry in entries:
        if entry.is_circular:
            raise ConfigurationError(
                f"PgBouncer would connect to itself: the direct URL of {entry.name} is {':'.join(entry.listen)}, where "
                f"it listens. Beside {entry.variable}, set the direct URL to the address of PostgreSQL itself"
            )
    return {
        "pgbouncer.ini": _ini(settings, entries, pool_size, folder, admin=bool(admin_password)),
        "userlist.txt": _userlist(entries, admin_password),
        "pgbouncer.env": _environment(settings, entries),
    }


def write(folder: Path, contents: dict[str, str]) -> None:
    """Write the files into `folder`: each is replaced atomically, keeps its owner, and only the owner can read it."""
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
    # Without a pooled URL: one client login for all entries, because two servers may have different passwords for the
    # same user, but PgBouncer cannot.
    listen, client = _client_side(*pooled_urls[0]) if pooled_urls else (LISTEN, None)
    for variable, name, pooled, direct in addresses:
        parameters = _parsed(variable, direct)
        server = Login(parameters.pop("user"), parameters.pop("password", ""))
        client = client or server
        if pooled == direct:
            yield Entry(variable, name, listen, client, server, parameters)
        else:
            entry_name = _parsed(variable, pooled)["dbname"]
            yield Entry(variable, entry_name, *_client_side(variable, pooled), server, parameters)


def _client_side(variable: str, url: str) -> tuple[tuple[str, str], Login]:
    """Return where PgBouncer listens and the login of its clients, from a pooled URL."""
    parts = _parsed(variable, url)
    listen = (parts.get("host", LISTEN[0]), parts.get("port", LISTEN[1]))
    return listen, Login(parts["user"], parts.get("password", ""))


def _parsed(variable: str, url: str) -> dict[str, str]:
    parts: dict[str, str] = parse_dsn(url)
    if not parts.get("user"):
        raise ConfigurationError(f"{variable} or its direct URL names no user, which PgBouncer needs")
    if "," in parts.get("host", ""):
        raise ConfigurationError(f"{variable} or its direct URL names several hosts: use one URL for each server")
    return parts


def _ini(settings: Settings, entries: list[Entry], pool_size: int, folder: Path, *, admin: bool) -> str:
    [(host, port), *others] = sorted({entry.listen for entry in entries})
    if others:
        listed = ", ".join(":".join(address) for address in [(host, port), *others])
        raise ConfigurationError(
            f"the pooled URLs lead to several poolers ({listed}), but one PgBouncer listens on one address"
        )
    statement_ms = round(settings.statement_timeout * 1000)
    names = list(dict.fromkeys(entry.name for entry in entries))
    return INI.format(
        databases="\n".join(_line([e for e in entries if e.name == name], pool_size, statement_ms) for name in names),
        auth_file=folder / PAIR[1],
        listen=(SOCKET if host.startswith("/") else TCP).format(host=host, port=port),
        console=f"{quote(host, safe='')}:{port}",
        pool_size=pool_size,
        server_connections=pool_size * len(entries),
        client_users=", ".join(sorted({entry.client.user for entry in entries})),
        admin_users=ADMIN if admin else "",
        tls="\n".join(f"{key} = {value}" for key, value in _tls(entries).items()),
        statement_seconds=f"{settings.statement_timeout:g}",
        query_timeout=round(settings.statement_timeout) + QUERY_GRACE_SECONDS,
        query_wait=min(QUERY_WAIT_SECONDS, settings.statement_timeout + 1),
        connect_timeout=settings.connect_timeout,
    )


def _line(entries: list[Entry], pool_size: int, statement_ms: int) -> str:
    """Return the line of one entry; logical databases with the same entry share it, and its pool grows."""
    first = entries[0]
    if any(entry._replace(variable=first.variable) != first for entry in entries):
        variables = " and ".join(dict.fromkeys(entry.variable for entry in entries))
        raise ConfigurationError(f"{variables} share the entry {first.name!r} but differ in login or server")
    words = ("host", "port", "dbname")
    values: dict[str, str] = {word: first.parameters[word] for word in words if word in first.parameters}
    # Also if it is the login of the clients: on RELOAD, PgBouncer can change a login, but neither add nor drop one.
    values["user"] = first.server.user
    if first.server.password:
        values["password"] = first.server.password
    if len(entries) > 1:
        values["pool_size"] = str(pool_size * len(entries))
    values["connect_query"] = f"SET statement_timeout = {statement_ms}"
    return f"{_word(first.name)} = {' '.join(f'{key}={_value(value)}' for key, value in values.items())}"


def _tls(entries: list[Entry]) -> dict[str, str]:
    """Return the TLS settings for the servers: all entries share them, so the strictest mode of all URLs."""
    modes = [entry.parameters.get("sslmode", "prefer") for entry in entries]
    found = {"server_tls_sslmode": max(modes, key=TLS_MODES.index)}
    for word, setting in TLS_FILES.items():
        paths = sorted({entry.parameters[word] for entry in entries if word in entry.parameters})
        if len(paths) > 1:
            raise ConfigurationError(f"the URLs name several files as {word}, but PgBouncer takes one for all servers")
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
; The logins of PgBouncer: "user" "password". Written by `flask pgbouncer`; pgbouncer.ini explains it.
"""

ADMIN = """\
; Users who may also run PAUSE, RELOAD and SHUTDOWN.
admin_users = pgbouncer_admin
"""

TCP = """\
listen_addr = {host}
listen_port = {port}
; No Unix socket: a second PgBouncer would use the same name in /tmp.
unix_socket_dir ="""

SOCKET = """\
; A Unix socket only. The port is part of its name.
listen_addr =
listen_port = {port}
unix_socket_dir = {host}"""

INI = """\
; Written by `flask pgbouncer` from the environment's URLs: change those and run it again.
; Start with: pgbouncer pgbouncer.ini   (in this folder, not as root)

[databases]
; One entry for each logical database and each replica, so that each has its own pool and can move alone. Each has a
; login too: PgBouncer 1.18 crashes if RELOAD adds one to an entry.
; connect_query runs once on every new server connection. In transaction mode, a SET leaks to other clients; this one
; is the same for all. It limits statements to {statement_seconds} s behind the pooler, too.
{databases}

[pgbouncer]
{listen}

; A server connection belongs to a client for one transaction.
pool_mode = transaction

auth_type = scram-sha-256
; Relative to the folder in which PgBouncer is started. The passwords are in plain text, because PgBouncer logs in to
; PostgreSQL with them; only the owner may read the file.
auth_file = {auth_file}
; Users who may run SHOW POOLS, SHOW STATS ...: psql postgresql://USER@{console}/pgbouncer
stats_users = {client_users}
{admin_users}
; The app sends its statement timeout in `options` when it connects. connect_query above sets it for all, so it is
; ignored here. psycopg2 and JDBC send extra_float_digits.
ignore_startup_parameters = extra_float_digits,options

; Sizes. {pool_size} server connections for each entry, {server_connections} in total, for any number of clients. A
; request holds one for some milliseconds, so {pool_size} serve hundreds of requests a second; more are not faster.
default_pool_size = {pool_size}
; A client costs a socket and 2 kB. 900 is below the usual limit of 1,024 open files for a process.
max_client_conn = 900

; Timeouts in seconds, each shorter than the timeout of its client.
; For a free server connection; then the client gets an error, and the app responds with 503.
query_wait_timeout = {query_wait:g}
; For connecting to a server.
server_connect_timeout = {connect_timeout}
; The pause after a failed login: clients wait that long after a restart of PostgreSQL (the default is 15).
server_login_retry = 1
; For a query on a server that hangs and cannot enforce its statement_timeout of {statement_seconds} s.
query_timeout = {query_timeout}
; For a client that is idle in a transaction and so occupies a server connection.
idle_transaction_timeout = 30
; Server connections are replaced after an hour, and closed after five idle minutes.
server_lifetime = 3600
server_idle_timeout = 300
; For the login of a client.
client_login_timeout = 10
; TCP keepalive detects a dead peer after about a minute.
tcp_keepalive = 1
tcp_keepidle = 30
tcp_keepintvl = 10
tcp_keepcnt = 3

; TLS to PostgreSQL, as in the URLs.
{tls}

; The totals, one line a minute, are enough.
log_connections = 0
log_disconnections = 0
"""
