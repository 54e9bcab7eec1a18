"""How gunicorn serves the app. Every number can be set from the environment; the defaults suit a 512 MB machine."""

import gc
import os
import sys

from flask.cli import load_dotenv

from blog_app import logs
from blog_app.config import ConfigurationError, Settings
from blog_app.data import databases, watermarks

load_dotenv()

# Platforms name the port they route to, and reach it from outside; a developer's machine keeps it to itself.
_host = "127.0.0.1" if os.environ.get("APP_MODE") == "development" else "0.0.0.0"  # noqa: S104
bind = f"{_host}:{os.environ.get('PORT', '8000')}"

# `gthread`, with kept-alive connections spread evenly over the workers (blog_app/serving.py says why and how).
worker_class = "blog_app.serving.BalancedThreadWorker"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))

# A worker that gives no sign of life for this long is replaced. Time limits of statements end requests long before.
timeout = 30
# Platforms kill 30 s after they ask a process to stop; requests under way get most of that.
graceful_timeout = 25
# A reverse proxy keeps its connections for about a minute: close later than it does, so that it never uses a dead one.
keepalive = 75

# Filters make addresses long: as much as there may be without a proxy minding.
limit_request_line = 8190

# Nobody uses it, and two checkouts on one machine would want the same path.
control_socket_disable = True


def on_starting(_server: object) -> None:
    """Check the settings and wait for the databases before any worker starts; end with a plain message otherwise."""
    try:
        settings = Settings.from_environment()
        logs.configure(settings.log_level)
        databases.wait_until_available(settings)
        watermarks.close_epochs_without_redis(settings)
    except ConfigurationError as error:
        sys.exit(f"The configuration is not usable:\n{error}")
    except databases.DatabaseAway as error:
        sys.exit(f"Giving up after {databases.START_TRIES} tries: {error}")


def post_fork(_server: object, _worker: object) -> None:
    """Let every worker read our code anew: this file and the worker class made the arbiter load what was there then.

    Otherwise a reload (SIGHUP, or `make dev`) would go on with the old code. It costs a worker 10 MB.
    """
    for name in [name for name in sys.modules if name.partition(".")[0] == "blog_app"]:
        del sys.modules[name]


def post_worker_init(_worker: object) -> None:
    """Let the garbage collector look at new objects only, and less often: what the app is made of never becomes any."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
