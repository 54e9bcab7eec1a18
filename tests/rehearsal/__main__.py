"""`python -m tests.rehearsal [ROWS]`: the long run, on a million posts."""

import logging
import sys
import tempfile
from pathlib import Path

from tests.rehearsal.run import rehearse

logging.basicConfig(level=logging.INFO, format="%(message)s")
logging.getLogger("blog_app").setLevel(logging.ERROR)
rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
logging.info("making %s posts", f"{rows:,}")
hurt = 0
with tempfile.TemporaryDirectory() as folder:
    for outcome in rehearse(Path(folder), rows, held=3):
        logging.info("%s", outcome)
        hurt += outcome.hurt
sys.exit(bool(hurt))
