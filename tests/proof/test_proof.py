"""The proof in short, and that it notices when a rule is left out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from blog_app.development.local.stack import Stack, throwaway

from .run import LIMITS, prepare, prove

pytestmark = pytest.mark.redis

CATCHING = {
    "mark first": ("redis flushed",),
    "unchecked replica": ("replicas paused",),
    "no wait": ("redis cut off from the first machine",),
    "no run id": ("redis swapped for an older copy",),
}
"""Each rule, with the fault under which a protocol without it fails."""


@pytest.fixture(scope="module")
def proving() -> Iterator[tuple[Stack, list[str]]]:
    """Servers of its own, the second replica a little late."""
    with throwaway(replicas=2, variables=LIMITS) as stack:
        rows = prepare(stack)
        stack.replicas[1].delay("200ms")
        yield stack, rows


@pytest.mark.pgbouncer
def test_no_read_is_stale_whatever_happens_to_the_servers(proving: tuple[Stack, list[str]]) -> None:
    stack, rows = proving
    for _ in range(4):  # On a busy machine too little may happen in so short a time.
        report = prove(stack, rows, seconds=25)
        assert not report.violations, str(report)
        if not report.silent:
            return
    pytest.fail(str(report))


@pytest.mark.pgbouncer
@pytest.mark.parametrize(("mutation", "faults"), CATCHING.items(), ids=CATCHING)
def test_the_proof_fails_without_the_rule(
    proving: tuple[Stack, list[str]], mutation: str, faults: tuple[str, ...]
) -> None:
    stack, rows = proving
    report = prove(stack, rows, seconds=200, mutation=mutation, only=faults)
    assert report.violations, str(report)
