"""Seed data: rows in `seed_data/<database>/<table>.json`, written by hand; loading them again changes nothing.

A file is a list of objects, one for each row, with the names of the model's fields. Shorthands:

* **Identifiers.** A row is known by its primary key, or else by the first unique key whose fields it gives (a slug, an
  email address). It gets its identifier when it is first loaded.
* **References.** A foreign key may name its row by a unique text: `"category": "kitchen"`. A plain column that
  holds an identifier of another table or database names both: `"author_id": "accounts.users/ada@example.com"`.
* **Join tables.** A list stands for a row each: `{"post": "the-kettle", "tag": ["tea", "repairs"]}`.
* **Long texts, and bytes.** `"content": {"file": "posts/the-kettle.md"}` takes them from a file beside the JSON file.
* **Passwords.** `"password": "…"` is stored as its hash.
"""

from click import ClickException


class SeedError(ClickException):
    """A seed file cannot be loaded; the message names the file, the row and the field."""
