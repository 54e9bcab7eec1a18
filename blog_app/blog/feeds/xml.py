"""Building XML documents, without the characters that XML 1.0 forbids."""

from __future__ import annotations

import re
from datetime import datetime
from xml.etree import ElementTree

ATOM = "http://www.w3.org/2005/Atom"
CONTENT = "http://purl.org/rss/1.0/modules/content/"
DUBLIN_CORE = "http://purl.org/dc/elements/1.1/"
SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
# The complement of the production `Char` of XML 1.0.
ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Element = ElementTree.Element


def add(parent: Element, name: str, text: str | None = None, **attributes: str) -> Element:
    """Add an element to `parent` and return it."""
    element = ElementTree.SubElement(parent, name, {key: ILLEGAL.sub("", value) for key, value in attributes.items()})
    if text is not None:
        element.text = ILLEGAL.sub("", text)
    return element


def to_bytes(root: Element) -> bytes:
    """Return the XML document as UTF-8."""
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def rfc3339(moment: datetime) -> str:
    """Return a UTC time in the format of RFC 3339, to the second."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
