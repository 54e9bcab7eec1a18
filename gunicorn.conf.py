"""gunicorn's configuration. The environment can set port, processes and threads; the defaults suit 512 MB of memory."""

import gc
import logging
import os
import sys

from gunicorn.http import wsgi

from blog_app import env_files, logs
from blog_app.config import VERSION, ConfigurationError, Settings
from blog_app.data import databases, watermarks
from blog_app.serving import incoming
from blog_app.serving.worker import count_reload

env_files.load()

# Platforms set PORT and connect from outside; in development only this machine can connect.
_host = "127.0.0.1" if os.environ.get("APP_MODE") == "development" else "0.0.0.0"  # noqa: S104
bind = f"{_host}:{os.environ.get('PORT', '8000')}"

# Threads get complete requests only (see blog_app/serving/worker.py).
worker_class = "blog_app.serving.worker.BufferingWorker"
on_reload = count_reload
# The worker sends responses itself, so that no client blocks a thread.
sendfile = False
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))

# A worker that is silent for this long is replaced. Statement timeouts end requests long before.
timeout = 30
# Platforms kill a process 30 s after they ask it to stop; running requests get most of that time.
graceful_timeout = 25
# Longer than reverse proxies keep connections (about a minute), so that they never use a closed one.
keepalive = 75

# Filters make long URLs; longer ones are rejected by many proxies.
limit_request_line = 8190

# What the Server header says.
wsgi.SERVER = f"blog_app/{VERSION}"

# Unused; two checkouts on one machine would share its path.
control_socket_disable = True


def on_starting(_server: object) -> None:
    """Check the settings and wait for the databases before any worker starts; exit with a message if that fails."""
    try:
        settings = Settings.from_environment()
        logs.configure(settings.log_level)
        logging.getLogger("blog_app").info("version %s starts", VERSION)
        incoming.MAX_BODY = settings.max_file_bytes + incoming.FORM_OVERHEAD
        databases.wait_until_available(settings)
        watermarks.close_epochs_without_redis(settings)
    except ConfigurationError as error:
        sys.exit(f"The configuration is not usable:\n{error}")
    except databases.DatabaseUnreachable as error:
        sys.exit(f"Giving up after {settings.start_tries} tries: {error}")


def post_fork(_server: object, _worker: object) -> None:
    """Let every worker import our code again: this file and the worker class have made the arbiter import it.

    Otherwise a reload (SIGHUP, or `make dev`) would run the old code. It costs a worker 10 MB.
    """
    for name in [name for name in sys.modules if name.partition(".")[0] == "blog_app"]:
        del sys.modules[name]


def post_worker_init(_worker: object) -> None:
    """Exclude the objects of the app from garbage collection, and collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
