"""Creating, uploading and downloading files, for tests."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from werkzeug.test import TestResponse

from tests.helpers.caller import API, Caller

FORM = "multipart/form-data; boundary=x"
TEXT = b"Boil water, and warm the pot."


def create_folder(
    caller: Caller, name: str, parent: dict[str, Any] | None = None, *, status: int = 201
) -> dict[str, Any]:
    """Create a folder; return it, or the problem if another status is expected."""
    return caller.post("/folders", {"name": name, "parent_id": parent and parent["id"]}, status=status).json


def send_bytes(
    caller: Caller, method: str, path: str, data: Any, *, status: int, content_type: str | None = None, **headers: str
) -> TestResponse:
    """Send a body that is not JSON, check the status, and return the response."""
    headers["Authorization"] = f"Bearer {caller.token}"
    response = caller.app.test_client().open(
        API + path, method=method, data=data, content_type=content_type, headers=headers
    )
    assert response.status_code == status, (response.status_code, response.get_data(as_text=True))
    if status >= 400:
        assert response.mimetype == "application/problem+json"
    return response


def upload(
    caller: Caller,
    name: str,
    data: bytes = TEXT,
    parent: dict[str, Any] | None = None,
    *,
    status: int = 201,
    **headers: str,
) -> dict[str, Any]:
    """Upload a file as a raw body; return it, or the problem if another status is expected."""
    query = urlencode({"name": name, **({"parent_id": parent["id"]} if parent else {})})
    return send_bytes(caller, "POST", f"/files?{query}", data, status=status, **headers).json


def form_body(name: str, data: bytes = TEXT) -> bytes:
    """Return a multipart form with one file, as browsers encode it; its boundary is `x`."""
    quoted = name.replace('"', "%22")
    head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{quoted}"\r\nContent-Type: text/html\r\n\r\n'
    return head.encode() + data + b"\r\n--x--\r\n"


def upload_as_form(
    caller: Caller, name: str, data: bytes = TEXT, *, status: int = 201, query: str = ""
) -> dict[str, Any]:
    """Upload a file as a browser's form does."""
    return send_bytes(caller, "POST", f"/files{query}", form_body(name, data), status=status, content_type=FORM).json


def download(caller: Caller, file: dict[str, Any], *, status: int = 200, **headers: str) -> TestResponse:
    """Download a file."""
    return caller.get(f"/files/{file['id']}/content", status=status, **headers)


def paths(caller: Caller, query: str = "") -> list[str]:
    """Return the sorted paths of the caller's files."""
    return [each["path"] for each in caller.get(f"/files?limit=100&sort=path{query}").json["data"]]
