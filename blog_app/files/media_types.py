"""What a file is, found by looking into it. What it is called decides nothing, nor what its sender says."""

from __future__ import annotations

import re

import filetype

HEAD_BYTES = 8_192
TEXT = "text/plain"
UNKNOWN = "application/octet-stream"
LIKE_TEXT = ("application/pdf", "application/postscript", "application/rtf")
"""What can be plain ASCII from end to end, unlike what else begins with a letter or two."""
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def media_type_of(head: bytes) -> str:
    """Return the media type of a file that begins with `head`.

    HTML and SVG are `text/plain`, as is every other text: that is what browsers may show of them.
    """
    found = str(filetype.guess_mime(head) or UNKNOWN) if head else TEXT
    return TEXT if _is_text(head) and found not in LIKE_TEXT else found


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if len(head) < HEAD_BYTES or error.start < len(head) - 3:
            return False
        text = head[: error.start].decode()  # The head ends in the middle of a character.
    return not CONTROL.search(text)
