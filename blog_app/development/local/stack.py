"""A stack: all servers of the app, in one folder."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from blog_app.config import DATABASE_NAMES, Settings
from blog_app.development.local import programs
from blog_app.development.local.group import Group, temporary_folder
from blog_app.development.local.pgbouncer import PgBouncer
from blog_app.development.local.ports import private_ports
from blog_app.development.local.postgres import Postgres
from blog_app.development.local.process import Process
from blog_app.development.local.redis import Redis
from blog_app.operations import pgbouncer as pooler

ROLE = "blog_app"


class Passwords(NamedTuple):
    app: str
    admin: str


class Stack:
    """PostgreSQL with `replicas`, PgBouncer in front of each server, and Redis.

    `pgbouncer` and `redis` are None if this machine has no such program: then addresses are direct, and the app runs
    without its cache. One physical database holds all logical ones, unless `physical` names one for each. PgBouncer's
    files are copied from the folder `pooler_files`, or written for these servers and for the app's `variables`, like
    STATEMENT_TIMEOUT.
    """

    def __init__(
        self,
        folder: Path,
        group: Group,
        ports: Iterator[int],
        passwords: Passwords,
        *,
        durable: bool = False,
        replicas: int = 0,
        physical: dict[str, str] | None = None,
        pooler_files: Path | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.variables = dict(variables or {})
        self.pooler_files = pooler_files
        self.group = group
        self.passwords = passwords
        self.physical = physical or dict.fromkeys(DATABASE_NAMES, ROLE)
        binaries = programs.postgres(folder)
        self.postgres = Postgres(group, binaries, folder / "postgres", next(ports), durable=durable)
        bouncer, bouncer_port = programs.pgbouncer(), next(ports)
        self.pgbouncer = (
            PgBouncer(group, bouncer, folder / "pgbouncer", bouncer_port, passwords.admin) if bouncer else None
        )
        cache, cache_port = programs.redis(folder), next(ports)
        self.redis = Redis(group, cache, folder / "redis", cache_port, durable=durable) if cache else None
        self.replicas = [
            Postgres(group, binaries, folder / f"replica_{number}", next(ports), durable=durable)
            for number in range(1, replicas + 1)
        ]

    def start(self) -> None:
        """Start all servers; return when all of them respond."""
        self.postgres.create()
        self.postgres.start()
        self.postgres.create_role(ROLE, self.passwords.app)
        for name in dict.fromkeys(self.physical.values()):
            self.postgres.create_database(name, owner=ROLE)
        for replica in self.replicas:
            replica.follow(self.postgres)
            replica.start()
        if self.pgbouncer:
            pooler.write(self.pgbouncer.folder, self._pooler_files())
            self.pgbouncer.start()
        if self.redis:
            self.redis.start()

    def stop(self) -> None:
        """Stop all servers, clients first."""
        for server in self.servers:
            server.stop()

    @property
    def servers(self) -> list[Process]:
        """All servers, clients of others first."""
        return [server for server in (self.pgbouncer, self.redis, *self.replicas, self.postgres) if server]

    def environment(self) -> dict[str, str]:
        """Return the environment variables with the addresses of these servers."""
        found = dict(self.variables)
        if self.redis:
            found["REDIS_URL"] = self.redis.url
        for name, database in self.physical.items():
            direct = self.postgres.url(database, ROLE, self.passwords.app)
            replicas = [replica.url(database, ROLE, self.passwords.app) for replica in self.replicas]
            found[f"{name.upper()}_DIRECT_URL"] = direct
            found[f"{name.upper()}_DATABASE_URL"] = self._pooled(name) or direct
            if replicas:
                pooled = [self._pooled(f"{name}_replica_{number}") for number in range(1, len(replicas) + 1)]
                found[f"{name.upper()}_REPLICA_DIRECT_URLS"] = ",".join(replicas)
                found[f"{name.upper()}_REPLICA_URLS"] = ",".join(pooled if all(pooled) else replicas)
        return found

    def _pooler_files(self) -> dict[str, str]:
        if self.pooler_files:
            return {name: (self.pooler_files / name).read_text() for name in pooler.PAIR}
        settings = Settings.from_environment({"APP_MODE": "test"} | self.environment())
        return pooler.files(settings, admin_password=self.passwords.admin)

    def _pooled(self, entry: str) -> str:
        if not self.pgbouncer:
            return ""
        return f"postgresql://{ROLE}:{self.passwords.app}@127.0.0.1:{self.pgbouncer.port}/{entry}"


@contextmanager
def throwaway(**options: Any) -> Iterator[Stack]:
    """Yield a started stack in a temporary folder, on free ports. Stacks do not conflict with each other.

    `options` are those of `Stack`: `replicas`, `physical`, `variables`.

    Everything is removed when the context ends, also by Ctrl-C, and even if this process is killed.
    """
    folder = temporary_folder()
    passwords = Passwords(app=secrets.token_urlsafe(16), admin=secrets.token_urlsafe(16))
    with closing(private_ports()) as ports, closing(Group(throwaway=folder)) as group:
        stack = Stack(folder, group, ports, passwords, **options)
        try:
            stack.start()
            yield stack
        finally:
            stack.stop()
