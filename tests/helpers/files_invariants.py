"""Invariants of the files tables, as queries for violations."""

from __future__ import annotations

from blog_app.data import databases
from blog_app.files.models import Node
from blog_app.files.names import casefolded

VIOLATIONS = {
    "a path differs from its folder's path and its name": """
        SELECT n.id, n.path FROM files.nodes n LEFT JOIN files.nodes p ON p.id = n.parent_id
         WHERE n.deleted_at IS NULL AND n.path <> coalesce(p.path, '') || '/' || n.name""",
    "a parent is not a folder, has another owner, or is in the trash": """
        SELECT n.id FROM files.nodes n JOIN files.nodes p ON p.id = n.parent_id
         WHERE n.deleted_at IS NULL AND (p.deleted_at IS NOT NULL OR p.kind <> 'folder' OR p.owner_id <> n.owner_id)""",
    "a node in the trash lacks the node it was deleted with": """
        SELECT n.id FROM files.nodes n LEFT JOIN files.nodes r ON r.id = n.trashed_with AND r.trashed_with = r.id
         WHERE n.trashed_with IS NOT NULL AND (r.id IS NULL OR r.owner_id <> n.owner_id)""",
    "the size of a content differs from its chunks or its file": """
        SELECT c.sha256 FROM files.contents c
          LEFT JOIN files.parts p ON p.content = c.sha256
          LEFT JOIN files.chunks k ON k.sha256 = p.chunk
         GROUP BY c.sha256
        HAVING coalesce(sum(octet_length(k.data)), 0) <> c.size
            OR EXISTS (SELECT FROM files.nodes n WHERE n.sha256 = c.sha256 AND n.size <> c.size)""",
    "the stored usage of a drive differs from the size of its files": """
        SELECT d.owner_id, d.used, sum(n.size) FROM files.drives d LEFT JOIN files.nodes n USING (owner_id)
         GROUP BY d.id HAVING d.used <> coalesce(sum(n.size), 0)""",
    "a chunk belongs to no content": """
        SELECT sha256 FROM files.chunks k WHERE NOT EXISTS (SELECT FROM files.parts p WHERE p.chunk = k.sha256)""",
}


def require_invariants() -> None:
    """Raise `AssertionError` with the first violated invariant and some rows."""
    for violation, query in VIOLATIONS.items():
        found = databases.files.execute_sql(query).fetchall()
        assert not found, (violation, found[:3])
    for path, key in Node.with_deleted().select(Node.path, Node.key).tuples():
        assert key == casefolded(path)
