"""The clock of leases: monotonic seconds, which also pass while the machine sleeps."""

from __future__ import annotations

import time
from functools import partial

LEASE = 1.0
"""T: how long a process may trust Redis after the primary has confirmed the epoch."""
ENDED = 1.25 * LEASE
"""Seconds after which every lease has ended, also on a clock that is a quarter slower."""

clock = partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
