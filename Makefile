# Deskstream. `make help` lists what can be made.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
ARGS   ?=

# The stamps say which lock an environment holds; a changed lock or project renews it.
RUNTIME := $(VENV)/.deskstream-runtime
DEV     := $(VENV)/.deskstream-dev
PIP     := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALL := $(PIP) install --no-deps --no-build-isolation --editable .
LOCK     = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate \
           --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

# Of the quick suites, what is not quick: rows of the contracts, and pages that start servers.
SERVICES := kafka or postgres or slow

.DEFAULT_GOAL := help
.PHONY: help run cluster test lint format unit services slow docs lock bench clean

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(RUNTIME) ## Start Deskstream; its data is kept in ./data (ARGS="--help" tells what it takes)
	@exec $(BIN)/deskstream serve $(ARGS)

cluster: $(DEV) ## Start Kafka, PostgreSQL and two of each process of Deskstream, to try a cluster
	@exec $(BIN)/python -m cluster.run

test: lint unit services slow ## Check everything, as CI does

lint: $(DEV) ## Check style, types and the layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEV) ## Put the code into its form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

unit: $(DEV) ## Run the quick tests, which need nothing but Python (ARGS go to pytest)
	$(BIN)/pytest tests/unit tests/contract tests/architecture tests/docs -m "not ($(SERVICES))" \
		--cov --cov-report= --cov-fail-under=0 $(ARGS)

services: $(DEV) ## Run the rest of their suites, after them: the gate is on the coverage of both
	$(BIN)/pytest tests/contract tests/docs -m "$(SERVICES)" --cov --cov-append $(ARGS)

slow: $(DEV) ## Run the tests against real processes (ARGS go to pytest)
	$(BIN)/pytest tests/integration tests/e2e $(ARGS)

docs: $(DEV) ## Write docs/reference/ anew from the code
	$(BIN)/python -m docs.generate

lock: $(DEV) ## Renew the pins after a change of pyproject.toml; UPGRADE=1 takes the newest
	$(LOCK) pyproject.toml --group build --output-file requirements.lock
	$(LOCK) pyproject.toml --group dev --group bench --constraints requirements.lock \
		--output-file requirements-dev.lock

bench: $(DEV) ## Measure (ONLY=log: that alone); wants a machine that does nothing else
	$(BIN)/python -m bench$(if $(ONLY),.$(ONLY)) $(ARGS)

clean: ## Remove the environment and what tools left behind; ./data stays
	rm -rf $(VENV) dist .coverage* .hypothesis .import_linter_cache .mypy_cache .pytest_cache \
		.ruff_cache htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- environments ---------------------------------------------------------------------------

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { \
		echo "There is no '$(PYTHON)'. Name a Python: make PYTHON=python3.13 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Deskstream needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." \
			"Name another one: make PYTHON=python3.13 ..." >&2; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv $(VENV) || { \
		echo "Python's venv module does not work; Debian has it in python3-venv." >&2; \
		rm -rf $(VENV); exit 1; }

$(RUNTIME): requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing the packages of requirements.lock ..."
	@$(PIP) install --require-hashes --requirement requirements.lock
	@$(INSTALL)
	@touch $@

$(DEV): requirements-dev.lock requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing the packages of requirements-dev.lock ..."
	@$(PIP) install --require-hashes --requirement requirements-dev.lock
	@$(INSTALL)
	@touch $(RUNTIME) $@
