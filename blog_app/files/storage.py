"""The storage backend of file contents: deduplicated chunks in the database.

For another backend, such as object storage (S3), write a class with the three methods of `Storage` and assign it to
`storage` at the end of this file. Stored contents never change, so reading needs no transaction.

Lock order: contents (by the caller), then chunks by hash. So concurrent `put` and `delete` never deadlock, and no chunk
is deleted that a `put` is about to use.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import BinaryIO, Protocol

import peewee

from blog_app.data.models import fetch_rows
from blog_app.files.models import Chunk, Part

CHUNK_BYTES = 262_144


class CorruptContent(Exception):
    """Stored bytes are missing or do not match their hash."""


class Storage(Protocol):
    """Stores contents, each under its SHA-256 in hexadecimal digits."""

    def put(self, content: str, file: BinaryIO) -> None:
        """Store the bytes of `file`, unless they are stored already; the row of the content is locked."""

    def read(self, content: str, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes from `start` up to `stop`; raise `CorruptContent` if they are not what was put."""

    def delete(self, contents: Sequence[str]) -> None:
        """Delete contents; their rows are locked, and no file uses them."""


class DatabaseStorage:
    """Storage in the database: each chunk is stored once, and shared by contents."""

    def put(self, content: str, file: BinaryIO) -> None:
        if Part.select().where(Part.content == content).exists():
            return
        file.seek(0)
        positions: dict[str, int] = {}
        parts = []
        position = 0
        while data := file.read(CHUNK_BYTES):
            chunk = sha256(data).hexdigest()
            positions.setdefault(chunk, position)
            parts.append({"content": content, "position": position, "chunk": chunk})
            position += len(data)
        known = Chunk.select(Chunk.sha256).where(Chunk.sha256.in_(list(positions))).order_by(Chunk.sha256)
        missing = positions.keys() - {chunk for (chunk,) in fetch_rows(known.for_update("FOR KEY SHARE"))}
        for chunk in sorted(missing):
            file.seek(positions[chunk])
            Chunk.insert(sha256=chunk, data=file.read(CHUNK_BYTES)).on_conflict_ignore().execute()
        if parts:
            Part.insert_many(parts).execute()

    def read(self, content: str, start: int, stop: int) -> Iterator[bytes]:
        # One statement a chunk, outside a transaction: a slow client holds no connection of the pooler.
        while start < stop:
            parts = Part.select(Part.position, Part.chunk, Chunk.data).join(Chunk)
            nearest = parts.where(Part.content == content, Part.position <= start).order_by(Part.position.desc())
            for position, chunk, stored in fetch_rows(nearest.limit(1)):
                data = bytes(stored)
                if sha256(data).hexdigest() != chunk or position + len(data) <= start:
                    raise CorruptContent(f"chunk {chunk} of content {content}")
                piece = data[start - position : stop - position]
                break
            else:
                raise CorruptContent(f"content {content} has nothing at {start}")
            yield piece
            start += len(piece)

    def delete(self, contents: Sequence[str]) -> None:
        parts = Part.delete().where(Part.content.in_(contents)).returning(Part.chunk)
        chunks = {part.chunk_id for part in parts.execute()}
        lock = Chunk.select(Chunk.sha256).where(Chunk.sha256.in_(list(chunks))).order_by(Chunk.sha256).for_update()
        locked = [chunk for (chunk,) in fetch_rows(lock)]
        # A separate statement: its snapshot must be newer than the locks.
        is_used = peewee.fn.EXISTS(Part.select(Part.chunk).where(Part.chunk == Chunk.sha256))
        Chunk.delete().where(Chunk.sha256.in_(locked) & ~is_used).execute()


storage: Storage = DatabaseStorage()
