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
LONGEST = 15 * 60


def too_long(*_: object) -> None:
    """The alarm: end as after Ctrl-C, so that the servers end too."""
    raise KeyboardInterrupt(f"this takes longer than {LONGEST // 60} minutes")


signal.signal(signal.SIGALRM, too_long)
signal.alarm(LONGEST)
hurt = tries = 0
with tempfile.TemporaryDirectory() as folder, site(Path(folder), rows) as place:
    for outcome in rehearse(place, held=3):
        logging.info("%s", outcome)
        hurt += outcome.hurt
        tries += outcome.tries
if not tries:
    logging.error("nobody ever held a lock in the way, so this proves nothing")
sys.exit(bool(hurt) or not tries)
