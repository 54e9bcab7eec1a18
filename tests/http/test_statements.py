"""A list has a fixed number of statements, however many rows: one, one for authentication, one an include."""

from __future__ import annotations

import pytest
from flask import Flask

from blog_app.http.includes import Fetched
from blog_app.http.schema import shared
from tests import objects
from tests.api import Caller, sign_up
from tests.http.test_permissions import OPERATIONS
from tests.statements import counted

LISTS = [name for name, operation in OPERATIONS.items() if operation.many]
AUTHENTICATION, ROWS = 1, 1


def make_rows(caller: Caller, path: str, number: int) -> str:
    """Make some of what the list at `path` shows; return the address of the list."""
    makers = [each for each in objects.MAKERS if each.rpartition("/")[0] == path and each.endswith("}")]
    address = objects.address(caller.app, path, owner=caller.user_id)
    values = objects.values_in(path, address)
    for _ in range(number if makers else 0):
        objects.address(caller.app, makers[0], owner=caller.user_id, given=values)
    return address


@pytest.mark.parametrize("name", LISTS)
def test_a_list_has_a_fixed_number_of_statements(app: Flask, name: str) -> None:
    operation = OPERATIONS[name]
    admin = sign_up(app, "admin")
    address = make_rows(admin, name.partition(" ")[2], 3)
    includes = shared(operation.answers).opts.includes
    empty = not admin.get(address).json["data"]
    for wanted in ((), *[(each,) for each in includes], tuple(includes)):
        fetched = sum(isinstance(includes[each], Fetched) for each in wanted)
        most = AUTHENTICATION + ROWS + fetched + (empty and operation.under is not None)
        with counted() as sent:
            admin.get(f"{address}?include={','.join(wanted)}" if wanted else address)
        assert len(sent) <= most, (wanted, sent)
