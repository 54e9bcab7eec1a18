"""The gunicorn worker, with time limits of two seconds for slow clients."""

from blog_app.serving import connection, worker

connection.SEND_TIMEOUT = worker.SEND_TIMEOUT = 2.0
worker.HEAD_TIMEOUT = worker.BODY_TIMEOUT = 2.0


class Worker(worker.BufferingWorker):
    """gunicorn loads it, with this module's limits, before it forks."""
