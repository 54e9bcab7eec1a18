"""Media type detection from a file's first bytes. Its name and the uploaded Content-Type are ignored."""

from __future__ import annotations

import re

import filetype

HEAD_BYTES = 8_192
TEXT = "text/plain"
BINARY = "application/octet-stream"
TEXT_LIKE_TYPES = ("application/pdf", "application/postscript", "application/rtf")
"""Types whose files can be plain ASCII throughout, so that they look like text."""
CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def media_type_of(head: bytes) -> str:
    """Return the media type of a file that begins with `head`.

    HTML, SVG and every other text are `text/plain`, so that browsers never run them.
    """
    found = str(filetype.guess_mime(head) or BINARY) if head else TEXT
    return TEXT if _is_text(head) and found not in TEXT_LIKE_TYPES else found


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if len(head) < HEAD_BYTES or error.start < len(head) - 3:
            return False
        text = head[: error.start].decode()  # The head ends within a character.
    return not CONTROL_CHARACTER.search(text)
