"""File contents: upload, download, ranges, replacement, deduplication, deletion of unused contents."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from io import BytesIO
from typing import Any

import pytest
from flask import Flask

from blog_app import create_app
from blog_app.config import Settings
from blog_app.data import databases
from blog_app.data.models import now
from blog_app.files.contents import RETENTION, delete_unused
from blog_app.files.models import Chunk, Content, Node, Part
from blog_app.files.storage import CHUNK_BYTES
from tests.helpers.caller import Caller, sign_up
from tests.helpers.files import FORM, TEXT, create_folder, download, form_body, send_bytes, upload, upload_as_form

BIG = random.Random(1).randbytes(3 * CHUNK_BYTES + 1_000)


@pytest.fixture
def ada(app: Flask) -> Caller:
    return sign_up(app, name="Ada")


def collect(minutes: float = 0) -> None:
    """Delete unused contents, as if so many minutes had passed since they were marked."""
    Content.update(unused_since=Content.unused_since - timedelta(minutes=minutes)).execute()
    with databases.files.atomic():
        assert delete_unused() is False


def stored() -> tuple[int, int, int]:
    """Return how many contents, parts and chunks there are."""
    return tuple(model.select().count() for model in (Content, Part, Chunk))


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, len(BIG)])
def test_a_download_returns_the_uploaded_bytes(ada: Caller, size: int) -> None:
    file = upload(ada, "file", BIG[:size])
    assert (file["size"], file["sha256"]) == (size, sha256(BIG[:size]).hexdigest())
    response = download(ada, file)
    assert response.data == BIG[:size]
    assert response.headers["ETag"] == f'"{file["sha256"]}"'
    assert int(response.headers["Content-Length"]) == size
    assert download(ada, file, status=304, **{"If-None-Match": response.headers["ETag"]}).data == b""
    head = ada.send("HEAD", f"/files/{file['id']}/content", status=200)
    assert (head.data, int(head.headers["Content-Length"])) == (b"", size)


def test_a_form_gives_the_file_name(ada: Caller) -> None:
    tea = create_folder(ada, "Tea")
    file = upload_as_form(ada, 'a "quoted" n\u00e4me.txt', BIG)
    assert (file["name"], file["size"]) == ('a "quoted" n\u00e4me.txt', len(BIG))
    assert upload_as_form(ada, "x", query=f"?name=y.txt&parent_id={tea['id']}")["path"] == "/Tea/y.txt"
    assert upload_as_form(ada, "../x", status=422)["errors"][0]["pointer"] == "/name"


FIELD = b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nTea\r\n'
FORMS = {
    "two files": (form_body("a").removesuffix(b"--x--\r\n") + form_body("b"), 422),
    "a field besides": (FIELD + form_body("a"), 422),
    "only a field": (FIELD + b"--x--\r\n", 422),
    "nothing": (b"--x--\r\n", 422),
    "no end": (form_body("a", BIG)[:-8], 400),
    "no form": (b"hello", 400),
    "not UTF-8": (form_body("a").replace(b'"a"', b'"\xff"'), 400),
    "a header without an end": (b"--x\r\n" + b"A" * 300_000, 413),
    "a hundred fields": (FIELD * 100 + b"--x--\r\n", 413),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_malformed_form_stores_nothing(ada: Caller, name: str) -> None:
    body, status = FORMS[name]
    response = send_bytes(ada, "POST", "/files?name=x", body, status=status, content_type=FORM)
    assert "bytes" not in response.json["detail"]  # It is not the file that is too large.
    assert stored() == (0, 0, 0)
    assert ada.get("/files").json["data"] == []


def test_a_form_must_name_its_boundary(ada: Caller) -> None:
    send_bytes(ada, "POST", "/files?name=x", form_body("a"), status=400, content_type="multipart/form-data")


def test_the_file_size_is_limited(settings: Settings, app: Flask) -> None:
    ada = sign_up(create_app(replace(settings, max_file_bytes=300_000)))
    upload(ada, "fits", BIG[:300_000])
    for name, send in (("raw", upload), ("form", upload_as_form)):
        assert "300000" in send(ada, name, BIG[:300_001], status=413)["detail"]
    headers = {"Authorization": f"Bearer {ada.token}"}
    for length, status in (
        (300_000, 201),
        (300_001, 413),
        (len(BIG), 413),
    ):  # As gunicorn passes on a body without a length.
        body = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": BytesIO(BIG[:length])}
        response = ada.app.test_client().post(f"/api/v1/files?name={status}", headers=headers, environ_overrides=body)
        assert response.status_code == status
    assert ada.post("/folders", {"name": "x" * 1_100_000}, status=413)
    assert len(ada.get("/files").json["data"]) == 2


def test_a_truncated_body_stores_no_file(ada: Caller) -> None:
    # What a server passes on after a client disconnects: fewer bytes than announced, and no error.
    short = {"wsgi.input_terminated": True, "CONTENT_LENGTH": "500000", "wsgi.input": BytesIO(BIG[:400_000])}
    headers = {"Authorization": f"Bearer {ada.token}"}
    response = ada.app.test_client().post("/api/v1/files?name=x", headers=headers, environ_overrides=short)
    assert response.status_code == 400
    assert stored() == (0, 0, 0)


def test_a_compressed_body_is_refused(ada: Caller) -> None:
    send_bytes(ada, "POST", "/files?name=x", b"x", status=415, **{"Content-Encoding": "gzip"})


RANGES = {
    "bytes=0-0": (0, 1),
    "bytes=5-9": (5, 10),
    f"bytes={CHUNK_BYTES - 1}-{CHUNK_BYTES}": (CHUNK_BYTES - 1, CHUNK_BYTES + 1),
    f"bytes={2 * CHUNK_BYTES}-": (2 * CHUNK_BYTES, len(BIG)),
    "bytes=-7": (len(BIG) - 7, len(BIG)),
    f"bytes=-{10**12}": (0, len(BIG)),
    f"bytes=10-{10**30}": (10, len(BIG)),
}


@pytest.mark.parametrize("asked", RANGES)
def test_a_range_of_a_file_is_downloaded(ada: Caller, asked: str) -> None:
    start, stop = RANGES[asked]
    file = upload(ada, "big", BIG)
    for more in ({}, {"If-Range": f'"{file["sha256"]}"'}):
        response = download(ada, file, status=206, Range=asked, **more)
        assert response.data == BIG[start:stop]
        assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(BIG)}"
        assert int(response.headers["Content-Length"]) == stop - start
    for stale in ('"another"', f'W/"{file["sha256"]}"', "Fri, 20 Nov 2026 12:00:00 GMT"):
        assert download(ada, file, Range=asked, **{"If-Range": stale}).data == BIG


@pytest.mark.parametrize("asked", [f"bytes={len(BIG)}-", f"bytes={10**30}-"])
def test_a_range_beyond_the_end_is_a_416(ada: Caller, asked: str) -> None:
    response = download(ada, upload(ada, "big", BIG), status=416, Range=asked)
    assert response.headers["Content-Range"] == f"bytes */{len(BIG)}"
    download(ada, upload(ada, "empty", b""), status=416, Range="bytes=0-")


@pytest.mark.parametrize("asked", ["bytes=9-5", "bytes=a-b", "bytes=", "lines=1-2", "bytes=0-1,5-6", "x", "bytes=-0"])
def test_an_invalid_or_multiple_range_gets_the_whole_file(ada: Caller, asked: str) -> None:
    assert download(ada, upload(ada, "text", TEXT), Range=asked).data == TEXT


TYPES = {
    "a page": (b"<!DOCTYPE html><script>alert(1)</script>", "text/plain; charset=utf-8"),
    "a drawing": (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "text/plain; charset=utf-8"),
    "words": ("Grüße, BMW".encode() * 2_000, "text/plain; charset=utf-8"),
    "words that begin like a picture": (b"BM is short for something", "text/plain; charset=utf-8"),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(20), "image/png"),
    "a document": (b"%PDF-1.7\n", "application/pdf"),
    "anything": (b"\x00\x01\x02<script>alert(1)</script>", "application/octet-stream"),
    "nothing": (b"", "text/plain; charset=utf-8"),
}


@pytest.mark.parametrize("kind", TYPES)
def test_the_media_type_is_detected_and_browsers_never_run_a_file(ada: Caller, kind: str) -> None:
    data, media_type = TYPES[kind]
    file = upload_as_form(ada, "page.html", data)
    headers = download(ada, file).headers
    assert headers["Content-Type"] == media_type
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["Content-Disposition"].startswith("attachment;")


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("tea.txt", "attachment; filename=tea.txt; filename*=UTF-8''tea.txt"),
        ('a "b" 100%;.txt', "attachment; filename=\"a _b_ 100_;.txt\"; filename*=UTF-8''a%20%22b%22%20100%25%3B.txt"),
        (
            "Grün\u2019s \U0001f375",
            "attachment; filename=\"Gr_n_s _\"; filename*=UTF-8''Gr%C3%BCn%E2%80%99s%20%F0%9F%8D%B5",
        ),
    ],
)
def test_a_download_has_the_file_name(ada: Caller, name: str, header: str) -> None:
    assert download(ada, upload(ada, name)).headers["Content-Disposition"] == header


def test_the_same_bytes_are_stored_once(ada: Caller) -> None:
    upload(ada, "1", BIG)
    assert stored() == (1, 4, 4)
    upload(sign_up(ada.app), "1", BIG)
    assert stored() == (1, 4, 4)
    upload(ada, "2", BIG[: 2 * CHUNK_BYTES] + b"another end")
    assert stored() == (2, 7, 5)
    upload(ada, "zeros", bytes(10 * CHUNK_BYTES))
    assert stored() == (3, 17, 6)


def test_replacing_content_honours_if_match(ada: Caller) -> None:
    file = upload(ada, "1", BIG)
    url = f"/files/{file['id']}/content"
    seen = download(ada, file).headers["ETag"]
    changed = send_bytes(ada, "PUT", url, TEXT, status=200, **{"If-Match": seen})
    assert (changed.json["size"], changed.json["media_type"]) == (len(TEXT), "text/plain")
    assert download(ada, file).data == TEXT
    send_bytes(ada, "PUT", url, BIG, status=412, **{"If-Match": seen})
    send_bytes(ada, "PUT", url, BIG, status=200, **{"If-Match": changed.headers["ETag"]})
    send_bytes(ada, "PUT", f"/files/{create_folder(ada, 'Tea')['id']}/content", BIG, status=404)


def test_a_retried_upload_gets_the_first_response(ada: Caller) -> None:
    key = {"Idempotency-Key": "one"}
    first = upload(ada, "1", BIG, **key)
    assert upload(ada, "1", BIG, **key) == first
    upload(ada, "1", TEXT, status=422, **key)
    upload(ada, "1", BIG, status=409)


def test_unused_contents_are_deleted_after_their_retention(ada: Caller) -> None:
    big, text = upload(ada, "big", BIG), upload(ada, "text", BIG[:CHUNK_BYTES])
    copied = ada.post(f"/files/{big['id']}/copies", {"name": "copy"}).json
    for each in (big, copied):
        collect(120)
        ada.delete(f"/files/{each['id']}")
        collect(120)
        assert download(ada, text).data == BIG[:CHUNK_BYTES]
        ada.delete("/trash")
    collect()
    collect(RETENTION.total_seconds() / 60 - 1)
    assert stored() == (2, 5, 4)
    collect(2)
    assert stored() == (1, 1, 1)
    assert download(ada, text).data == BIG[:CHUNK_BYTES]


def test_contents_uploaded_again_in_time_stay(ada: Caller) -> None:
    ada.delete(f"/files/{upload(ada, 'big', BIG)['id']}")
    ada.delete("/trash")
    collect()
    file = upload(ada, "big", BIG)
    collect(120)
    assert download(ada, file).data == BIG
    Content.update(unused_since=now() - timedelta(days=1)).execute()
    collect()
    assert download(ada, file).data == BIG


def test_corrupt_content_is_not_sent(ada: Caller) -> None:
    file = upload(ada, "big", BIG)
    with databases.files.atomic():
        databases.files.declare_write(Part)
        databases.files.execute_sql("DELETE FROM files.parts WHERE position = 0")
    assert "parts" not in download(ada, file, status=500).text
    damage: Any = Chunk.update(data=b"something else").where(Chunk.sha256 == Part.select(Part.chunk).limit(1))
    with pytest.raises(Exception, match="chunks_are_what_they_are_called"):
        damage.execute()


def test_a_download_reads_in_short_statements_and_no_transaction(ada: Caller) -> None:
    file = upload(ada, "big", BIG)
    headers = {"Authorization": f"Bearer {ada.token}"}
    response = ada.app.test_client().get(f"/api/v1/files/{file['id']}/content", headers=headers, buffered=False)
    pieces = iter(response.response)
    start = next(pieces)
    assert 0 < len(start) < CHUNK_BYTES
    assert not databases.files.in_transaction()
    upload(ada, "another", TEXT)
    assert start + b"".join(pieces) == BIG
    assert Node.select().count() == 2
