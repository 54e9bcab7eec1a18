"""Where the bytes of contents are kept: in chunks in the database.

Whoever keeps them elsewhere, in object storage for example, writes another class with these three methods and names it
at the end of this file. What is kept never changes, so nobody needs a transaction to read it.

Lock order: contents (by whoever calls), then chunks by their hash. So two who store, or one who stores and one who
deletes, never wait for each other in a circle, and no chunk goes that somebody is about to use.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import BinaryIO, Protocol

import peewee

from blog_app.data.models import fetch_rows
from blog_app.files.models import Chunk, Part

CHUNK_BYTES = 262_144


class Damaged(Exception):
    """What is stored is not what was stored."""


class Storage(Protocol):
    """Keeps contents, each under its SHA-256 in hexadecimal digits."""

    def put(self, content: str, file: BinaryIO) -> None:
        """Keep the bytes of `file`, unless they are kept already; the row of the content is locked."""

    def read(self, content: str, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes from `start` up to `stop`; raise `Damaged` if they are not what was put."""

    def delete(self, contents: Sequence[str]) -> None:
        """Forget contents; their rows are locked, and no file has them."""


class Chunks:
    """Storage in the database: a chunk is stored once, whatever contents it is part of."""

    def put(self, content: str, file: BinaryIO) -> None:
        if Part.select().where(Part.content == content).exists():
            return
        file.seek(0)
        places: dict[str, int] = {}
        parts = []
        position = 0
        while data := file.read(CHUNK_BYTES):
            chunk = sha256(data).hexdigest()
            places.setdefault(chunk, position)
            parts.append({"content": content, "position": position, "chunk": chunk})
            position += len(data)
        known = Chunk.select(Chunk.sha256).where(Chunk.sha256.in_(list(places))).order_by(Chunk.sha256)
        missing = places.keys() - {chunk for (chunk,) in fetch_rows(known.for_update("FOR KEY SHARE"))}
        for chunk in sorted(missing):
            file.seek(places[chunk])
            Chunk.insert(sha256=chunk, data=file.read(CHUNK_BYTES)).on_conflict_ignore().execute()
        if parts:
            Part.insert_many(parts).execute()

    def read(self, content: str, start: int, stop: int) -> Iterator[bytes]:
        # A statement a chunk, none of them in a transaction: a slow reader holds no connection of the pooler.
        while start < stop:
            parts = Part.select(Part.position, Part.chunk, Chunk.data).join(Chunk)
            nearest = parts.where(Part.content == content, Part.position <= start).order_by(Part.position.desc())
            for position, chunk, stored in fetch_rows(nearest.limit(1)):
                data = bytes(stored)
                if sha256(data).hexdigest() != chunk or position + len(data) <= start:
                    raise Damaged(f"chunk {chunk} of content {content}")
                piece = data[start - position : stop - position]
                break
            else:
                raise Damaged(f"content {content} has nothing at {start}")
            yield piece
            start += len(piece)

    def delete(self, contents: Sequence[str]) -> None:
        parts = Part.delete().where(Part.content.in_(contents)).returning(Part.chunk)
        chunks = {part.chunk_id for part in parts.execute()}
        lock = Chunk.select(Chunk.sha256).where(Chunk.sha256.in_(list(chunks))).order_by(Chunk.sha256).for_update()
        locked = [chunk for (chunk,) in fetch_rows(lock)]
        # A statement of its own: its snapshot must be younger than the locks.
        is_used = peewee.fn.EXISTS(Part.select(Part.chunk).where(Part.chunk == Chunk.sha256))
        Chunk.delete().where(Chunk.sha256.in_(locked) & ~is_used).execute()


storage: Storage = Chunks()
