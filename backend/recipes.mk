# Recipes shared by the root Makefile and backend/Makefile: both only say where the backend is.
BACKEND ?= .
PYTHON ?= python3
ARGS ?=

VENV := $(BACKEND)/.venv
BIN := $(VENV)/bin
REQUIREMENTS := $(BACKEND)/requirements
RUN := cd $(BACKEND) && .venv/bin/python run_cli.py
UV := UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1 VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv

.PHONY: setup setup-dev run-cli lint types contracts tests test lock clean

setup: $(VENV)/.runtime  ## Make the environment (hash-locked) and a .env with a secret of its own
	@$(BIN)/python $(BACKEND)/app/config/env_file.py

$(BIN)/uv: $(REQUIREMENTS)/bootstrap.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed; name one with PYTHON=/path/to/python3.11"; exit 1; }
	@echo "· environment: $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(REQUIREMENTS)/bootstrap.txt
	@touch $@

$(VENV)/.runtime: $(BIN)/uv $(REQUIREMENTS)/runtime.txt $(BACKEND)/pyproject.toml
	@echo "· packages: $(REQUIREMENTS)/runtime.txt"
	@$(UV) pip install --quiet --require-hashes -r $(REQUIREMENTS)/runtime.txt
	@$(UV) pip install --quiet --no-deps --no-build-isolation -e $(BACKEND)
	@touch $@

setup-dev: $(VENV)/.dev  ## The environment with the tools of the tests added

$(VENV)/.dev: $(VENV)/.runtime $(REQUIREMENTS)/dev.txt
	@echo "· packages: $(REQUIREMENTS)/dev.txt"
	@$(UV) pip install --quiet --require-hashes -r $(REQUIREMENTS)/dev.txt
	@touch $@

run-cli: setup  ## Run a command: make run-cli ARGS="time now"
	@$(RUN) $(ARGS)

lint: setup-dev
	cd $(BACKEND) && .venv/bin/ruff check . ../examples ../benchmarks && .venv/bin/ruff format --check .

types: setup-dev
	cd $(BACKEND) && .venv/bin/mypy

contracts: setup-dev
	cd $(BACKEND) && .venv/bin/lint-imports

tests: setup-dev
	cd $(BACKEND) && .venv/bin/python -m pytest $(ARGS)

test: lint types contracts tests  ## Lint, types, import contracts and all tests

COMPILE := pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

lock: $(BIN)/uv  ## Lock the newest versions the project allows
	cd $(BACKEND) && .venv/bin/uv $(COMPILE) --upgrade --extra build pyproject.toml -o requirements/runtime.txt
	cd $(BACKEND) && .venv/bin/uv $(COMPILE) --upgrade --extra build --extra dev --extra postgresql -c requirements/runtime.txt pyproject.toml -o requirements/dev.txt

clean:  ## Remove the environment and the caches; data stays
	rm -rf $(VENV) $(BACKEND)/.mypy_cache $(BACKEND)/.ruff_cache $(BACKEND)/.pytest_cache $(BACKEND)/.hypothesis
