# `make help` is the contributor's manual: every target is listed there.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/pytest -q
# COVERAGE=1 collects it over the tiers whose examples are written down; `make check-coverage` then holds the pure layers
# to all of it. What only a generated example takes today, none may take tomorrow.
COLLECT := $(if $(COVERAGE),--cov=scalewarden --cov-branch --cov-append --cov-report=)
PURE := model signals whatif rules judgement
STAMP := $(VENV)/.installed

# The first interpreter that is new enough; PYTHON=… overrides.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

comma := ,

.PHONY: help setup demo test test-unit test-rules test-property test-contract test-cluster test-e2e \
	lint fmt generate check-generated check-coverage mutants control-plane krew clean

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  \033[1m%-16s\033[0m %s\n", $$1, $$2}'

$(STAMP): pyproject.toml requirements-dev.lock
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or newer is needed" >&2; \
		echo "hint: install it, or say PYTHON=/path/to/python3 make setup" >&2; exit 2; }
	@echo "Installing locked dependencies into $(VENV) …" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(STAMP) ## Make .venv with the locked dependencies and .venv/bin/scalewarden

control-plane: setup ## Find, download or build the local control plane (about 10 min the first time)
	@$(BIN)/python -m tools.localcluster fetch

demo: setup ## Watch unsafe scale-downs refused on a real local control plane
	@$(BIN)/python -m tools.demo

test: setup test-unit test-rules test-property test-contract test-cluster test-e2e ## Run every tier this machine can run

check-coverage: ## Fail where a branch of the pure layers is never taken (after COVERAGE=1 make test-unit …)
	@$(BIN)/coverage report --show-missing --skip-covered --fail-under=100 \
		--include='$(subst $() $(),$(comma),$(foreach layer,$(PURE),operator/scalewarden/$(layer)/*))'

mutants: setup ## Mutate judgement/ and rules/, and see whether a test notices (an hour and more)
	@$(BIN)/python -m tools.mutants $(MODULES)

test-unit: setup ## Unit tests: each function, no cluster
	@echo "── unit ──" >&2
	@$(PYTEST) $(COLLECT) tests/unit tests/architecture tests/fleet tests/localcluster tests/docs -m "not cluster"

test-rules: setup ## Every rule: fires, clear, unknown; and incidents from the field
	@echo "── rules ──" >&2
	@$(PYTEST) $(COLLECT) tests/rules tests/incidents

test-property: setup ## The invariants, on generated services
	@echo "── property ──" >&2
	@$(PYTEST) tests/property

test-contract: setup ## Real expositions, recordings and admission reviews
	@echo "── contract ──" >&2
	@$(PYTEST) $(COLLECT) tests/contract

test-cluster: setup control-plane ## Everything on a real API server, HPA controller, Prometheus and Helm
	@echo "── cluster ──" >&2
	@$(PYTEST) tests/cluster tests/fleet tests/localcluster -m cluster

test-e2e: setup ## The chart in a kind cluster, where Docker runs
	@if docker info >/dev/null 2>&1 && command -v kind >/dev/null; then \
		echo "── e2e ──" >&2; $(PYTEST) tests/e2e; \
	else echo "── e2e SKIPPED: needs a running Docker engine and kind; neither part is replaced by a mock ──" >&2; fi

lint: setup ## Format check, ruff, mypy, layers, generated files
	$(BIN)/ruff format --check -q .
	$(BIN)/ruff check -q .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory check-generated

fmt: setup ## Format and fix what can be fixed
	$(BIN)/ruff format -q .
	$(BIN)/ruff check -q --fix .

generate: setup ## Rewrite crds/, the chart's copy and docs/reference from the code
	$(BIN)/python -m tools.generate

check-generated: setup ## Fail where a generated file differs from the code
	$(BIN)/python -m tools.generate --check

krew: setup ## Build the archive and the manifest of the kubectl plugin into dist/krew
	@$(BIN)/python -m tools.krew

clean: ## Remove the virtual environment and caches of this checkout
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage htmlcov dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
