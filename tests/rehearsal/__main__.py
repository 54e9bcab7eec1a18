"""`python -m tests.rehearsal [ROWS]`: the long run, on a million posts."""

import logging
import signal
import sys
import tempfile
from pathlib import Path

from tests.rehearsal.run import rehearse
from tests.rehearsal.site import site

logging.basicConfig(level=logging.INFO, format="%(message)s")
logging.getLogger("blog_app").setLevel(logging.ERROR)
rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
logging.info("making %s posts", f"{rows:,}")
MAX_SECONDS = 15 * 60


def too_long(*_: object) -> None:
    """End as after Ctrl-C, so that the servers end too."""
    raise KeyboardInterrupt(f"the rehearsal takes longer than {MAX_SECONDS // 60} minutes")


signal.signal(signal.SIGALRM, too_long)
signal.alarm(MAX_SECONDS)
disturbed = tries = 0
with tempfile.TemporaryDirectory() as folder, site(Path(folder), rows) as place:
    for outcome in rehearse(place, held=3):
        logging.info("%s", outcome)
        disturbed += outcome.disturbed
        tries += outcome.tries
if not tries:
    logging.error("no migration met a lock, so this proves nothing")
sys.exit(bool(disturbed) or not tries)
