"""The search: every world that can be reached, breadth first, so that a counterexample is a shortest one."""

from __future__ import annotations

import random
import time
from collections import deque
from dataclasses import dataclass, field

from .actors import steps
from .world import Protocol, Setting, World, beginning


@dataclass
class Result:
    worlds: int = 0
    complete: bool = False
    counterexamples: dict[str, list[str]] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        found = [f"{name} broken:\n   " + "\n   ".join(path) for name, path in self.counterexamples.items()]
        return "\n".join([f"{self.worlds} worlds, {'all' if self.complete else 'not all'}", *found])


def explore(
    setting: Setting, protocol: Protocol | None = None, until: tuple[str, ...] = (), limit: int = 9_000_000
) -> Result:
    """Try every order of steps; stop once each promise in `until` is broken, or `limit` worlds are known."""
    protocol = protocol or Protocol()
    start = beginning(setting)
    came: dict[World, tuple[World, str] | None] = {start: None}
    queue = deque([start])
    result = Result()
    while queue and len(came) < limit:
        world = queue.popleft()
        for label, after in steps(world, protocol, setting):
            if after.broken:
                if after.broken not in result.counterexamples:
                    result.counterexamples[after.broken] = [*path(came, world), label]
                if set(until) & set(result.counterexamples) == set(until) and until:
                    result.worlds = len(came)
                    return result
                continue
            if after not in came:
                came[after] = (world, label)
                queue.append(after)
    result.worlds = len(came)
    result.complete = not queue
    return result


def path(came: dict[World, tuple[World, str] | None], world: World) -> list[str]:
    labels = []
    while (step := came[world]) is not None:
        world, label = step
        labels.append(label)
    return labels[::-1]


FAULTS = ("DIES", "EVICTED", "REDIS", "FAILOVER", "FAILS", "RESTARTS")


def walk(settings: list[Setting], seconds: float, seed: int, protocol: Protocol | None = None) -> Result:
    """Take random walks through worlds too large to explore; a fault about once in fifteen steps."""
    chance = random.Random(seed)
    protocol = protocol or Protocol()
    result = Result(counted={"walks": 0, "steps": 0, "HIT": 0, "reads the replica": 0, "opens": 0})
    end = time.monotonic() + seconds
    while time.monotonic() < end and not result.counterexamples:
        setting = chance.choice(settings)
        world = beginning(setting)
        taken: list[str] = []
        result.counted["walks"] += 1
        while len(taken) < 400:
            possible = list(steps(world, protocol, setting))
            usual = [step for step in possible if not any(fault in step[0] for fault in FAULTS)]
            if usual and chance.random() < 0.93:
                possible = usual
            if not possible:
                break
            label, world = chance.choice(possible)
            taken.append(label)
            result.counted["steps"] += 1
            for counted in ("HIT", "reads the replica", "opens"):
                result.counted[counted] += label.endswith(counted)
            if world.broken:
                result.counterexamples[world.broken] = taken
                break
    return result
