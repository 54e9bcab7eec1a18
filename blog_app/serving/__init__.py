"""How gunicorn serves the app: a worker whose threads get complete requests only."""
