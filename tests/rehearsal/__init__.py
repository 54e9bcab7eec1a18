"""The migration rehearsal: risky migrations of a big table under load, while long transactions hold locks.

`make rehearsal` runs it with a million posts, the test suite with a few thousand. Migrations run as by `flask migrate
up`; meanwhile no request may fail and none may take a second.

changes   the migrations
traffic   clients that read and write, and long transactions
site      the app on its servers, and the big table
run       the rehearsal, and its outcome
"""
