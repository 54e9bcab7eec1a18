# `make` lists the commands. Needed beforehand: Python 3.11 or newer.

PYTHON := $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
INSTALLED := .venv/installed
RUN := .venv/bin/python -m

.PHONY: help
help: ## list the commands
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

.PHONY: run
run: $(INSTALLED) ## serve the blog on http://127.0.0.1:8000, with its own servers; PORT=9000 for another port
	@$(RUN) blog_app.development.local run

.PHONY: dev
dev: $(INSTALLED) ## the same, with automatic reload of changed code
	@$(RUN) blog_app.development.local dev

.PHONY: shell
shell: $(INSTALLED) ## a Python shell with the models, on what make run has started
	@$(RUN) blog_app.development.local shell

.PHONY: psql
psql: $(INSTALLED) ## psql on what make run has started; DATABASE=blog names the logical database
	@$(RUN) blog_app.development.local psql "$(DATABASE)" $(ARGS)

# Debuggers, uncaptured output and single tests run in one process: worker processes have no terminal.
ONE_PROCESS = $(filter --pdb% --trace -s% --capture=no,$(ARGS))$(findstring ::,$(ARGS))

.PHONY: test
test: $(INSTALLED) ## run the tests on throwaway servers; ARGS="-k words" for some, "PATH --pdb" to debug; KEEP=yes keeps the servers
	@$(RUN) blog_app.development.local install
	@KEEP=$(KEEP) $(RUN) pytest --numprocesses $(if $(ONE_PROCESS),0,2) --dist loadfile $(ARGS)

.PHONY: proof
proof: $(INSTALLED) ## reads and writes for minutes while servers are killed; no read may be stale; ARGS="SECONDS SEED"
	@$(RUN) blog_app.development.local install
	@$(RUN) tests.proof $(ARGS)

.PHONY: rehearsal
rehearsal: $(INSTALLED) ## risky migrations of a million posts under load; no request may wait a second; ARGS=ROWS
	@$(RUN) blog_app.development.local install
	@$(RUN) tests.rehearsal $(ARGS)

.PHONY: check
check: $(INSTALLED) ## lint, format, import contracts, types
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/lint-imports
	@.venv/bin/mypy

.PHONY: fix
fix: $(INSTALLED) ## correct lint and format where that can be automatic
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

.PHONY: bench
bench: $(INSTALLED) ## benchmark against bare Flask and one hand-written statement; ARGS="growth" for growth with data
	@$(RUN) benchmarks $(or $(ARGS),compare)

UV := .venv/lock/bin/uv
LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header

.PHONY: lock
lock: $(UV) ## write requirements*.txt, with the hash of every package, from requirements*.in
	@$(LOCK) requirements.in --output-file requirements.txt $(ARGS)
	@$(LOCK) requirements-dev.in --constraint requirements.txt --output-file requirements-dev.txt $(ARGS)

$(UV): $(INSTALLED)
	@.venv/bin/python -m venv .venv/lock
	@.venv/lock/bin/pip install --disable-pip-version-check --quiet uv==0.13.9

$(INSTALLED): requirements.txt requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and not on PATH" >&2; exit 1; }
	@echo "installing Python packages into .venv (about a minute the first time)"
	@test -x .venv/bin/pip || $(PYTHON) -m venv --clear .venv
	@.venv/bin/python -m pip install --disable-pip-version-check --quiet --requirement requirements-dev.txt
	@touch $@
