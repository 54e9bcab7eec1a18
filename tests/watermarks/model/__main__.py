"""`python -m tests.watermarks.model [SECONDS]`: explore the large settings in full, then walk at random with all faults."""

import gc
import sys
import time

from .checker import explore, walk
from .settings import EVERYTHING, LARGE

gc.disable()  # Millions of tuples without a cycle.
failed = False
for name, setting in LARGE.items():
    started = time.monotonic()
    result = explore(setting)
    failed |= bool(result.counterexamples) or not result.complete
    print(f"{name}: {time.monotonic() - started:.0f} s, {result}", flush=True)
result = walk(EVERYTHING, float(sys.argv[1]) if len(sys.argv) > 1 else 60, seed=time.time_ns())
failed |= bool(result.counterexamples)
print("walks:", result.counted, result, flush=True)
sys.exit(failed)
