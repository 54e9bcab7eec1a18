"""The WSGI entry point: `gunicorn wsgi:app`."""

import sys

from flask.cli import load_dotenv

from blog_app import create_app, logs
from blog_app.config import ConfigurationError, Settings

load_dotenv()
try:
    settings = Settings.from_environment()
except ConfigurationError as error:
    sys.exit(f"The configuration is not usable:\n{error}")
logs.configure(settings.log_level)
app = create_app(settings)
