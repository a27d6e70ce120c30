# Set-up, running and checking, on a laptop and in CI alike. `make help` lists what there is.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.SUFFIXES:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What is installed is named by the content of the locks (and the place: an environment cannot be moved), not by file
# times. A set-up that broke off half-way left no stamp and is made again.
hash_of = $(shell { pwd; cat $(1); } | sha256sum | cut -c1-16)
RUNTIME_STAMP := $(VENV)/.runtime-$(call hash_of,requirements.lock pyproject.toml)
DEV_STAMP := $(VENV)/.dev-$(call hash_of,requirements.lock requirements-dev.lock pyproject.toml)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# arguments of `console up` and of the load programs, e.g. make up ARGS='--port 9080', make bench ARGS=--quick
ARGS ?=
# sqlite, mysql or all
DB ?= all
# a process for each processor, four at most; a file's tests stay together, they share what they started; in their own
# order, which ends with what is quick: files of few tests are the slow ones, and the last of them would run alone
WORKERS ?= --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
# further arguments of pytest, e.g. make test T='tests/unit -x'
T ?=

# modules run by `make check` as `python -m MODULE --check`: each fails when a generated file is out of date
DRIFT ?= tools.drift

.PHONY: help setup setup-dev up test check fmt mutants campaign bench bench-jobs load lock

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(RUNTIME_STAMP) ## install what the cluster needs into .venv (under a minute the first time)

setup-dev: $(DEV_STAMP)

up: setup ## set up if needed, then run the cluster in the foreground; ARGS='--port 9080 ...'
	@$(BIN)/console up --take-terminal $(ARGS)

test: setup-dev ## every test; DB=sqlite|mysql|all (default all), T='more pytest arguments'
	@$(BIN)/pytest --db $(DB) -m 'not campaign' $(WORKERS) $(T)

check: setup-dev ## format, lint, types, import rules, drift of generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@set -e; for module in $(DRIFT); do echo "$(BIN)/python -m $$module --check"; $(BIN)/python -m $$module --check; done

fmt: setup-dev ## format and fix what can be fixed by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

mutants: setup-dev ## break each promise on purpose and see its tests go red
	@$(BIN)/python -m tests.mutants

campaign: setup-dev ## the long fault tests: a hundred crashes, 50,000 jobs under kill -9, the images' build steps; DB as in test
	@$(BIN)/pytest --db $(DB) --campaign tests/acceptance/test_crashes.py tests/acceptance/test_job_crashes.py tests/acceptance/test_schemathesis.py $(T)
	@$(BIN)/pytest --db $(DB) -m campaign $(T)

bench: setup-dev ## writes per second beside a naive reference, on both databases; ARGS='--quick' (docs/performance.md)
	@$(BIN)/python -m loadtest.bench $(ARGS)

bench-jobs: setup-dev ## jobs accepted and drained per second beside the driver alone, with and without a million that wait
	@$(BIN)/python -m loadtest.bench.jobs $(ARGS)

load: setup-dev ## people at the board behind the edge; USERS=40 DURATION=60 ARGS='--kill-node' (docs/performance.md)
	@$(BIN)/python -m loadtest $(ARGS)

lock: ## resolve the dependencies anew: requirements.lock and requirements-dev.lock
	@./.ci/lock $(PYTHON)

$(RUNTIME_STAMP):
	@rm -f $(VENV)/.runtime-* $(VENV)/.dev-*
	@$(call require_python)
	@$(call make_venv)
	@echo "setting up: installing the locked dependencies (about half a minute)"
	@$(PIP) install --require-hashes -r requirements.lock
	@echo "setting up: installing the console command"
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(DEV_STAMP): | $(RUNTIME_STAMP)
	@rm -f $(VENV)/.dev-*
	@echo "setting up: installing the tools for tests and checks (about half a minute)"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

define require_python
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	echo "Python 3.11 or newer is needed; this is $(PYTHON), $$($(PYTHON) -V 2>/dev/null || echo 'which does not run'). Install it (Debian, Ubuntu: apt-get install python3 python3-venv)" >&2; \
	echo "or name another one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }; \
$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	echo "Python's venv module is missing: install it (Debian, Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
endef

# an environment whose Python or pip does not run is made anew
define make_venv
$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
	echo "setting up: making the Python environment in $(VENV) (a few seconds)"; \
	$(PYTHON) -m venv --clear $(VENV); }
endef
