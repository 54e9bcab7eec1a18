"""The WSGI entry point: `gunicorn wsgi:app`."""

import sys

from blog_app import create_app, env_files, logs
from blog_app.config import ConfigurationError, Settings

APP_LOAD_ERROR = 4
"""With this exit status of a worker gunicorn ends, instead of starting workers again and again."""

env_files.load()
try:
    settings = Settings.from_environment()
    logs.configure(settings.log_level)
    app = create_app(settings)
except ConfigurationError as error:
    sys.stderr.write(f"The configuration is not usable:\n{error}\n")
    sys.exit(APP_LOAD_ERROR)
