"""The proof: writers and readers while servers are killed, frozen and cut off; no read is stale.

Each write adds 1 to a row. P1: a read shows at least every value acknowledged before the read began. P4: it shows at
least every value that any read had returned before it began; excused, and reported, is only what a write did that
could not reach Redis, within T. The same run must fail when a rule of the protocol is left out (`wsgi.MUTATIONS`).

`make proof` runs it for long; `test_proof.py` for some seconds, and with each mutation.
"""
