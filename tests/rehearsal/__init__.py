"""Risky changes of a big table while people read and write, and while somebody holds a lock.

`make rehearsal` does it with a million posts, the test suite with a few thousand. Each change is made by the tool as
anybody would make it; meanwhile no request may fail and none may take a second.

changes   the migrations
traffic   readers and writers, and the one who holds locks
site      the app on its servers, and the big table
"""
