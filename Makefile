# Every target does its own set-up. Needs python3 (3.11 or later) with pip; nothing else.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := .tools/bin/uv
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format lock bench clean

help: ## What there is to type
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(READY) ## Make .venv with everything pinned

# uv needs neither ensurepip nor root, so it also works where Debian ships Python without the venv package.
$(UV):
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target .tools uv==$(shell cat .uv-version)

$(READY): $(UV) requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(UV) venv --quiet --no-config --python $(PYTHON) $(VENV)
	@VIRTUAL_ENV=$(VENV) $(UV) pip sync --quiet --no-config --require-hashes requirements.lock
	@VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-config --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## Run both sample tenants' DAGs with real Airflow, twice to see that nothing is paid twice
	@$(BIN)/llm-convert demo

test: $(READY) lint ## Lint, types and every test
	@$(BIN)/python -m pytest -n 3

lint: $(READY) ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(READY) ## Let ruff format and sort imports
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

COMPILE = $(UV) pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header

lock: $(UV) ## Pin every package anew: for development, for the job's image and for its builder
	@$(COMPILE) --all-extras --group dev pyproject.toml -o requirements.lock
	@$(COMPILE) --extra documents --extra vertex --extra gcp pyproject.toml -o jobs/requirements.lock
	@echo 'hatchling>=1.27' | $(COMPILE) - -o jobs/build-requirements.lock

clean: ## Remove what demo and tests made, and the environment
	@rm -rf $(VENV) .tools .llm_convert .pytest_cache .mypy_cache .ruff_cache
