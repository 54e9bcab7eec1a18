# One image for the three lines of the Procfile and for PgBouncer; compose.yaml puts them together.
FROM python:3.13-slim-trixie AS packages
COPY requirements.txt /
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --no-compile --only-binary :all: --requirement /requirements.txt

FROM python:3.13-slim-trixie
# pg_dump is for the backups of `flask deploy`; it must not be older than the server. Security updates are wanted, so
# no versions are pinned.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends pgbouncer postgresql-client-17 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home blog \
    && install --directory --owner blog --mode 700 /backups
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY . .
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "from os import environ as e; from urllib.request import urlopen; urlopen(f'http://127.0.0.1:{e.get(\"PORT\", 8000)}/healthz', timeout=2)"]
CMD ["bin/with-pgbouncer", "gunicorn", "wsgi:app"]
