"""Free ports on the loopback address, reserved against other stacks on this machine."""

from __future__ import annotations

import random
import socket
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager

# Below the ephemeral ports, so that no client connection takes a port while its server restarts.
PORTS = range(20_000, 28_000, 20)


def private_ports(seed: int | None = None) -> Generator[int]:
    """Yield free ports; no other process gets them until this generator is closed, because their block is locked.

    The same `seed` gives the same ports, as long as they are free.
    """
    with ExitStack() as held:
        for first in random.Random(seed).sample(PORTS, len(PORTS)):
            lock = held.enter_context(socket.socket())
            try:
                lock.bind(("127.0.0.1", first))
            except OSError:
                continue
            yield from (port for port in range(first + 1, first + PORTS.step) if not port_is_taken(port))


@contextmanager
def private_port() -> Iterator[int]:
    """Yield a free port that no other process gets while the context lasts."""
    with closing(private_ports()) as ports:
        yield next(ports)


def port_is_taken(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do, so that a connection in TIME_WAIT does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
