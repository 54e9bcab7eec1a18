"""A private Redis server."""

from __future__ import annotations

from pathlib import Path

import redis

from blog_app.development.local.group import Command, Group
from blog_app.development.local.process import Process


class Redis(Process):
    """One Redis server; if `durable`, it keeps its data over a restart."""

    name = "Redis"

    def __init__(self, group: Group, program: Path, folder: Path, port: int, *, durable: bool = False) -> None:
        super().__init__(group, folder, port)
        self.program = program
        self.durable = durable

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> Command:
        saved = ("60", "1") if self.durable else ("",)  # Redis 6 needs separate arguments.
        return [self.program, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", self.folder, "--save", *saved]

    def responds(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False
