"""What must be true of the files' tables at any time, asked of the database."""

from __future__ import annotations

from blog_app.data import databases
from blog_app.files.models import Node
from blog_app.files.names import casefolded

BROKEN = {
    "a path is not that of its folder and its name": """
        SELECT n.id, n.path FROM files.nodes n LEFT JOIN files.nodes p ON p.id = n.parent_id
         WHERE n.deleted_at IS NULL AND n.path <> coalesce(p.path, '') || '/' || n.name""",
    "something is in what is no folder, or is not its owner's, or was thrown away": """
        SELECT n.id FROM files.nodes n JOIN files.nodes p ON p.id = n.parent_id
         WHERE n.deleted_at IS NULL AND (p.deleted_at IS NOT NULL OR p.kind <> 'folder' OR p.owner_id <> n.owner_id)""",
    "what went to the trash lacks what it went with": """
        SELECT n.id FROM files.nodes n LEFT JOIN files.nodes r ON r.id = n.trashed_with AND r.trashed_with = r.id
         WHERE n.trashed_with IS NOT NULL AND (r.id IS NULL OR r.owner_id <> n.owner_id)""",
    "content is not as large as its chunks, or as its file says": """
        SELECT c.sha256 FROM files.contents c
          LEFT JOIN files.parts p ON p.content = c.sha256
          LEFT JOIN files.chunks k ON k.sha256 = p.chunk
         GROUP BY c.sha256
        HAVING coalesce(sum(octet_length(k.data)), 0) <> c.size
            OR EXISTS (SELECT FROM files.nodes n WHERE n.sha256 = c.sha256 AND n.size <> c.size)""",
    "what a drive is said to have is not what its files have": """
        SELECT d.owner_id, d.used, sum(n.size) FROM files.drives d LEFT JOIN files.nodes n USING (owner_id)
         GROUP BY d.id HAVING d.used <> coalesce(sum(n.size), 0)""",
    "a chunk is no part of anything": """
        SELECT sha256 FROM files.chunks k WHERE NOT EXISTS (SELECT FROM files.parts p WHERE p.chunk = k.sha256)""",
}


def require_invariants() -> None:
    """Raise `AssertionError` naming what does not hold, and where."""
    for meaning, query in BROKEN.items():
        found = databases.files.execute_sql(query).fetchall()
        assert not found, (meaning, found[:3])
    for path, key in Node.with_deleted().select(Node.path, Node.key).tuples():
        assert key == casefolded(path)
