"""The clock of leases: seconds that also pass while the machine sleeps, and that nobody can set back."""

from __future__ import annotations

import time
from functools import partial

LEASE = 1.0
"""T: how long a process may trust Redis after the primary has confirmed the epoch."""
ENDED = 1.25 * LEASE
"""After so long every lease has ended, on a clock that is up to a quarter slower too."""

clock = partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
