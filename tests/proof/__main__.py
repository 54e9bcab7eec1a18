"""`python -m tests.proof [SECONDS] [SEED]`: the long run."""

import logging
import sys
import time

from blog_app.development.local.stack import throwaway

from .run import LIMITS, prepare, prove

logging.basicConfig(level=logging.INFO, format="%(message)s")
seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 300.0
seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
with throwaway(replicas=2, variables=LIMITS) as stack:
    stack.replicas[1].delay("200ms")
    report = prove(stack, prepare(stack), seconds, seed=seed)
logging.info("%s", report)
logging.info("seed %d", seed)
sys.exit(bool(report.violations or report.silent))
