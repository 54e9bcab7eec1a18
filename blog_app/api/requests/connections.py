"""The connection to the client of the current request, for as long as a whole file goes over it."""

from __future__ import annotations

import socket

from flask import request

PATIENCE = 30.0
"""Seconds without progress after which a client is taken for gone."""


def expect_life() -> None:
    """Let reading from the client, and writing to it, fail when nothing moves for a while.

    Without that, each client that is lost on the way would keep a thread for ever. gunicorn takes the limit off again
    before the next request of the connection.
    """
    connection = request.environ.get("gunicorn.socket")
    if isinstance(connection, socket.socket):
        connection.settimeout(PATIENCE)
