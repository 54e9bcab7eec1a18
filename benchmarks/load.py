"""HTTP load by wrk, and the CPU time that each part of the system spends on it, read from /proc (Linux)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from blog_app.development.local import programs

TICK = 1 / os.sysconf("SC_CLK_TCK")
UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True)
class Measurement:
    """One run of load against one server."""

    requests_per_second: float
    p50: float
    """Milliseconds."""
    p99: float
    errors: int
    cpu: dict[str, float]
    """Milliseconds of processor time a request, by part: app, pgbouncer, postgres, redis."""

    @property
    def cpu_total(self) -> float:
        return sum(self.cpu.values())


@dataclass(frozen=True)
class Request:
    """A request that wrk repeats; `paths` are used in turn."""

    paths: tuple[str, ...]
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""

    def script(self) -> str:
        """Return wrk's Lua script; `%RANDOM%` in the body is a new random number each time."""
        paths = ",".join(f'"{path}"' for path in self.paths)
        headers = ",".join(f'["{name}"]="{value}"' for name, value in self.headers.items())
        return (
            f"local paths, n = {{{paths}}}, 0\nlocal headers = {{{headers}}}\nlocal body = [==[{self.body}]==]\n"
            "math.randomseed(os.time())\nfunction request()\n  n = n % #paths + 1\n"
            '  local text = body:gsub("%%RANDOM%%", function() return tostring(math.random(1e9)) end)\n'
            f'  return wrk.format("{self.method}", paths[n], headers, text ~= "" and text or nil)\nend\n'
        )


def wrk() -> str:
    """Return the path of wrk, installed if necessary; raise `SystemExit` if that fails."""
    if not shutil.which("wrk") and not programs.install("wrk"):
        raise SystemExit("the benchmark needs wrk: install the package wrk")
    return str(shutil.which("wrk"))


def run(port: int, request: Request, seconds: float, connections: int, parts: Mapping[str, int]) -> Measurement:
    """Send `request` for some seconds over this many connections; `parts` are process ids by the name of a part."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(request.script())
        script.flush()
        before = {name: cpu_seconds(pid) for name, pid in parts.items()}
        output = subprocess.run(
            [
                wrk(),
                "-t1",
                f"-c{connections}",
                f"-d{seconds:g}s",
                "--latency",
                "-s",
                script.name,
                f"http://127.0.0.1:{port}",
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    spent = {name: cpu_seconds(pid) - before[name] for name, pid in parts.items()}
    requests = int(_found(r"(\d+) requests in", output))
    return Measurement(
        requests_per_second=float(_found(r"Requests/sec:\s+([\d.]+)", output)),
        p50=_milliseconds(_found(r"\n +50% +(\S+)", output)),
        p99=_milliseconds(_found(r"\n +99% +(\S+)", output)),
        errors=sum(
            int(number)
            for line in output.splitlines()
            if "Socket errors" in line
            for number in re.findall(r"\d+", line)
        )
        + int(_found(r"Non-2xx or 3xx responses: (\d+)", output, "0")),
        cpu={name: seconds * 1000 / max(requests, 1) for name, seconds in spent.items()},
    )


def cpu_seconds(root: int) -> float:
    """Return the CPU seconds of a process and its descendants, also of those that have ended and were waited for."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(stat.parent.name)
        parents[pid] = int(fields[1])
        ticks[pid] = sum(map(int, fields[11:15]))
    family = {root}
    while grown := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= grown
    return sum(ticks.get(pid, 0) for pid in family) * TICK


def _found(pattern: str, text: str, default: str | None = None) -> str:
    match = re.search(pattern, text)
    if match:
        return match[1]
    if default is None:
        raise RuntimeError(f"unexpected output of wrk:\n{text}")
    return default


def _milliseconds(text: str) -> float:
    match = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text)
    return float(match[1]) * UNITS[match[2]] if match else float("nan")  # Without a single response.
