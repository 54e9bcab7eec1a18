"""Squawk's rules: which of them hold here, and what to do about each finding."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import orjson

from blog_app.operations.migrate.lint import syntax
from blog_app.operations.migrate.preview import Preview

# Matters of style, of the runner (it sets the timeouts), or of clients rather than of the running server.
DISABLED_RULES = (
    "require-lock-timeout,require-statement-timeout,require-enum-value-ordering,prefer-robust-stmts,prefer-identity,"
    "prefer-bigint-over-int,prefer-bigint-over-smallint,prefer-text-field,ban-drop-not-null,ban-drop-constraint,"
    "ban-drop-default"
)
# Rules that squawk does not check by default.
OPT_IN_RULES = (
    "ban-alter-generated-expression,ban-drop-generated-expression,ban-replica-identity,ban-revoke,ban-create-policy,"
    "ban-drop-policy,ban-alter-policy-condition,ban-alter-policy-roles,ban-alter-row-level-security,ban-drop-trigger,"
    "ban-alter-extension,ban-alter-sequence-values,ban-alter-system-options,ban-alter-role-options,"
    "ban-alter-database-options"
)
# What to use here; it replaces squawk's own advice.
ADVICE = {
    "require-concurrent-index-creation": "Use migrator.add_index_concurrently",
    "require-concurrent-index-deletion": "Use migrator.drop_index_concurrently",
    "adding-required-field": "Add it with null=True; later use migrator.backfill and migrator.set_not_null",
    "adding-not-nullable-field": "Use migrator.set_not_null",
    "adding-field-with-default": "Add it with null=True and no default; then use migrator.add_default and a backfill",
    "adding-foreign-key-constraint": "Use migrator.add_foreign_key",
    "constraint-missing-not-valid": "Use migrator.add_check or migrator.add_foreign_key",
    "disallowed-unique-constraint": "First create the index: migrator.add_index_concurrently(…, unique=True, name=…)",
    "changing-column-type": "Use migrator.expand_type and a backfill, and in a later release migrator.contract_type",
    "renaming-column": "Use migrator.expand_rename and a backfill, and in a later release migrator.contract_rename",
    "renaming-table": "Keep the name in the database, or create a view with the new name",
    "ban-drop-column": "First release code that does not use it; until then list it in unused_columns of its model",
    "ban-drop-table": "First release code that does not use it",
}
# These hold for new tables too; the other rules of squawk are about tables in use.
RULES_FOR_NEW_TABLES = ("prefer-timestamp-tz", "ban-char-field")
SYNTAX_ERROR = "syntax-error"
# No code names an index, a constraint or a trigger, nor writes a column that did not exist.
HARMLESS = re.compile(r"Renaming (an index|a constraint|a trigger)|Adding a generated column may break inserts")


def check(preview: Preview, texts: Sequence[str]) -> Iterator[tuple[str, int, str]]:
    """Yield of each finding in the statements of a migration its rule, the number of its text, and its message."""
    arguments = ["--reporter", "json", "--exclude", DISABLED_RULES, "--include", OPT_IN_RULES]
    if preview.migration.atomic:
        arguments.append("--assume-in-transaction")
    lines: list[int] = []
    source = ""
    for number, text in enumerate(texts):
        # A text may end in a comment. Only `safe` declares a statement safe, no comment for squawk.
        complete = f"{text}\n;\n".replace("squawk-ignore", "squawk_ignore")
        lines += [number] * complete.count("\n")
        source += complete
    for warning in orjson.loads(syntax.run(arguments, source) or "[]") if texts else ():
        if not HARMLESS.match(warning["message"]):
            advice = ADVICE.get(warning["rule_name"], warning.get("help") or "")
            message = f"{warning['message']} {advice}".rstrip()
            yield warning["rule_name"], lines[min(warning["line"], len(lines) - 1)], message
