"""The WSGI entry point: `gunicorn wsgi:app`."""

import sys

from blog_app import create_app, env_files, logs
from blog_app.config import ConfigurationError, Settings

env_files.load()
try:
    settings = Settings.from_environment()
except ConfigurationError as error:
    sys.exit(f"The configuration is not usable:\n{error}")
logs.configure(settings.log_level)
app = create_app(settings)
