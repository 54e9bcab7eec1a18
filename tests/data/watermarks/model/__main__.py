"""`python -m tests.data.watermarks.model [SECONDS]`: explore the large settings in full, then walk with all faults."""

import gc
import logging
import sys
import time

from .checker import explore, walk
from .settings import EVERYTHING, LARGE

logging.basicConfig(level=logging.INFO, format="%(message)s")
gc.disable()  # Millions of tuples without a cycle.
failed = False
for name, setting in LARGE.items():
    started = time.monotonic()
    result = explore(setting)
    failed |= bool(result.counterexamples) or not result.complete
    logging.info("%s: %.0f s, %s", name, time.monotonic() - started, result)
result = walk(EVERYTHING, float(sys.argv[1]) if len(sys.argv) > 1 else 60, seed=time.time_ns())
failed |= bool(result.counterexamples)
logging.info("walks: %s %s", result.counted, result)
sys.exit(failed)
