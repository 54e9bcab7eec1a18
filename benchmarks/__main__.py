"""`python -m benchmarks`: compare the app with reference servers, or measure growth; results go to var/ as JSON too."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import click

from benchmarks.load import Measurement, Request, run, wrk
from benchmarks.servers import Subject, fetch, warm
from blog_app.api.requests import cursors
from blog_app.api.requests.query_string import list_arguments
from blog_app.blog.schemas.posts import PostSchema
from blog_app.config import ROOT
from blog_app.development.local.stack import throwaway

PAGE = "/api/v1/posts?limit=20&include=author,category,tags&fields=id,title,slug,content,published_at"
USERS = "/api/v1/users?limit=20&sort=-id&fields=id,name,status,created_at"
POSTS_OF_A_RUN = 200
CONNECTIONS = 32
OURS = "wsgi:app"


@click.group(help=__doc__)
def main() -> None:
    wrk()


@main.command()
@click.option("--posts", default=100_000, show_default=True, help="Number of posts.")
@click.option("--rounds", default=3, show_default=True, help="Runs of every app, in turn; the tables show medians.")
@click.option("--seconds", default=3.0, show_default=True, help="Seconds of load for each app, round and workload.")
def compare(posts: int, rounds: int, seconds: float) -> None:
    """Compare our endpoints, cached and not, with bare Flask and one hand-written SQL statement."""
    with prepared(posts) as subject:
        token = {"Authorization": f"Bearer {subject.sign_in()}"}
        ids = some_posts(subject)
        item = tuple(f"/api/v1/posts/{key}?include=author,category,tags" for key in ids)
        create = Request(
            ("/api/v1/posts",),
            "POST",
            {**token, "Content-Type": "application/json"},
            json.dumps({"title": "Benchmark %RANDOM%", "content": "word " * 300, "tags": []}),
        )
        workloads: dict[str, tuple[Request, str, tuple[str, ...]]] = {
            "posts page": (Request((PAGE,)), PAGE, ("/posts",)),
            "one post": (Request(item), item[0], tuple(f"/post?id={key}" for key in ids)),
            "users list": (Request((USERS,), headers=token), USERS, ("/users",)),
            "create a post": (create, "", ()),
        }
        results: dict[str, dict[str, list[Measurement]]] = {}
        for number in range(1, rounds + 1):
            for workload, (request, path, reference) in workloads.items():
                click.echo(f"round {number} of {rounds}: {workload}")
                contenders: dict[str, tuple[str, Request, dict[str, str]]] = {
                    "ours, no cache": (OURS, request, {"REDIS_URL": ""}),
                    "ours": (OURS, request, {}),
                }
                if path:
                    with subject.served(OURS) as (port, _):
                        size = len(fetch(port, path, token))
                    bare = Request(("/any",))
                    contenders["bare Flask"] = ("benchmarks.references:bare", bare, {"BENCHMARK_BYTES": str(size)})
                    contenders["one statement"] = ("benchmarks.references:statement", Request(reference), {})
                for name, (app, sent, variables) in contenders.items():
                    with subject.served(app, **variables) as (port, parts):
                        if name == "ours":
                            warm(port, ("/api/v1/tags", USERS), token)
                        run(port, sent, 1, CONNECTIONS, parts)
                        measured = run(port, sent, seconds, CONNECTIONS, parts)
                        results.setdefault(workload, {}).setdefault(name, []).append(measured)
        for workload, by_name in results.items():
            table(workload, by_name, baseline="one statement")
        save("compare", {w: {n: [asdict(m) for m in ms] for n, ms in found.items()} for w, found in results.items()})


@main.command()
@click.option("--sizes", default="1000,100000,1000000", show_default=True, help="Numbers of posts, growing.")
@click.option("--connections", default="1,16,64,256", show_default=True, help="Numbers of connections.")
@click.option("--seconds", default=2.0, show_default=True, help="How long each is under load.")
def growth(sizes: str, connections: str, seconds: float) -> None:
    """A page of posts, the first and the deepest, as the blog grows and as callers do; without the cache."""
    results: dict[str, dict[str, list[Measurement]]] = {}
    with throwaway(durable=True) as stack:
        subject = new_subject(stack)
        for posts in map(int, sizes.split(",")):
            subject.flask("seed", "fake", "--posts", str(posts), "--force")
            with subject.served(OURS, REDIS_URL="") as (port, parts):
                deepest = deepest_page(port)
                for name, path in (("first page", PAGE), ("deepest page", deepest)):
                    for count in map(int, connections.split(",")):
                        measured = run(port, Request((path,)), seconds, count, parts)
                        results.setdefault(f"{posts:,} posts, {name}", {})[f"{count} connections"] = [measured]
    for title, by_name in results.items():
        table(title, by_name, baseline="1 connections")
    save("growth", {title: {n: asdict(ms[0]) for n, ms in found.items()} for title, found in results.items()})


class prepared:
    """A throwaway stack with a made-up blog of so many posts."""

    def __init__(self, posts: int) -> None:
        self.posts = posts
        self.stack = throwaway(durable=True)

    def __enter__(self) -> Subject:
        subject = new_subject(self.stack.__enter__())
        subject.flask("seed", "fake", "--posts", str(self.posts), "--force")
        return subject

    def __exit__(self, *error: Any) -> None:
        self.stack.__exit__(*error)


def new_subject(stack: Any) -> Subject:
    folder = ROOT / "var" / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    subject = Subject(stack, folder / "servers.log")
    subject.flask("migrate", "up")
    return subject


def some_posts(subject: Subject) -> list[str]:
    """Return the identifiers of posts from all over the blog."""
    with subject.served(OURS, REDIS_URL="") as (port, _):
        found = []
        path = "/api/v1/posts?limit=100&fields=id&sort=title"
        for _ in range(POSTS_OF_A_RUN // 100):
            page = json.loads(fetch(port, path, {}))
            found += [post["id"] for post in page["data"]]
            path = f"/api/v1/posts?limit=100&fields=id&sort=title&cursor={page['page']['next']}"
    return found


def deepest_page(port: int) -> str:
    """Return the path of the page that shows the twenty oldest posts."""
    oldest = json.loads(fetch(port, "/api/v1/posts?limit=21&sort=published_at,id&fields=id,published_at", {}))["data"]
    keys = list_arguments(PostSchema, b"").keys
    edge = cursors.encode(keys, [oldest[-1][key.name] for key in keys], backwards=False)
    path = f"{PAGE}&cursor={edge}"
    assert json.loads(fetch(port, path, {}))["data"][-1]["id"] == oldest[0]["id"]
    return path


def table(title: str, by_name: dict[str, list[Measurement]], *, baseline: str) -> None:
    """Print the medians of each contender, and its ratio to the baseline."""
    click.secho(f"\n{title}", bold=True)
    click.echo(f"{'':18}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'errors':>8}   CPU ms a request")
    base = by_name.get(baseline)
    for name, measured in by_name.items():
        parts = "  ".join(f"{part} {middle(m.cpu[part] for m in measured):.2f}" for part in measured[0].cpu)
        total = middle(m.cpu_total for m in measured)
        ratio = f"  x{total / middle(m.cpu_total for m in base):.2f}" if base else ""
        click.echo(
            f"{name:18}{middle(m.requests_per_second for m in measured):9,.0f}"
            f"{middle(m.p50 for m in measured):9.1f}{middle(m.p99 for m in measured):9.1f}"
            f"{sum(m.errors for m in measured):8}   {total:.2f} ({parts}){ratio}"
        )


def middle(numbers: Iterable[float]) -> float:
    return median(list(numbers))


def save(kind: str, results: Any) -> None:
    now = datetime.now(UTC)
    path = Path(ROOT / "var" / "benchmarks" / f"{kind}-{now:%Y%m%dT%H%M%S}.json")
    document = {"at": now.isoformat(), "machine": platform.platform(), "results": results}
    path.write_text(json.dumps(document, indent=1))
    click.echo(f"\nwritten: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
