# Two commands do everything on a fresh machine: `make serve` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
TESTS ?= tests

.DEFAULT_GOAL := help
.PHONY: help setup serve demo viewer check lint format types imports fast test test-interpreters crash bench docs clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

setup: ## Create .venv with everything in it (leaves .venv/bin/hilum)
	@$(PYTHON) scripts/setup.py

serve: setup ## Serve on 127.0.0.1:8080, data in ./hilum-data (ARGS='--port 9000 --data DIR ...')
	@$(BIN)/hilum serve $(ARGS)

demo: setup ## Load a few synthetic studies into ./hilum-data
	@$(BIN)/hilum demo $(ARGS)

viewer: setup ## Fetch the OHIF viewer into .viewer, which `make serve` shows at /viewer
	@$(BIN)/python scripts/viewer.py $(ARGS)

check: setup lint types imports fast ## Lint, types, import rules and fast tests: run before every commit

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: setup ## Let ruff mend what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: setup
	@$(BIN)/mypy

imports: setup
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

fast: setup
	@$(BIN)/pytest -q -n 2 -m 'not slow and not engine' tests/unit tests/contract

test: setup ## Everything: what `check` does, all tests, crash tests; installs the peers they need
	@scripts/services install --quiet || { test -z "$$CI" && echo 'peers missing: their tests will say that they were skipped'; }
	@$(BIN)/python scripts/viewer.py || { test -z "$$CI" && echo 'no viewer: the tests in a browser will say that they were skipped'; }
	@$(MAKE) --no-print-directory lint types imports
	@scripts/test-once-more -n 3 --dist loadgroup $(TESTS)
	@$(MAKE) --no-print-directory test-interpreters

test-interpreters: setup ## Fast tests on every other Python >= 3.11 found here
	@scripts/test-interpreters

crash: setup ## The long crash test: 20 rounds of SIGKILL under load
	@CRASH_ROUNDS=20 $(BIN)/pytest -q tests/acceptance -k crash

bench: setup ## Benchmarks against Orthanc, a bare server and pydicom (see docs/benchmarks.md)
	@scripts/services install --quiet
	@$(BIN)/python -m bench $(ARGS)

docs: setup ## Regenerate the reference pages that come from the code
	@for tool in tools/*_reference.py tools/*conformance*.py; do $(BIN)/python $$tool; done

clean: ## Remove the environment and caches, never data
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache htmlcov .coverage
