PYTHON ?= python3
BIN := .venv/bin

PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --durations 15

.PHONY: demo test test-all test-dispatch lint format

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

/usr/bin/chromium:  # the tests of the console use it
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && apt-get install -qq --yes --no-install-recommends chromium; \
	else \
	  echo "The tests need $@. Install it, such as by: sudo apt-get install chromium" >&2; exit 1; \
	fi

demo: .venv/installed  ## index real photos, declare a bank, ask about an altered copy
	@PATH="$(CURDIR)/$(BIN):$$PATH" ./demo/run

test: .venv/installed /usr/bin/chromium  ## what a change must pass
	$(PYTEST)

test-all: .venv/installed /usr/bin/chromium  ## the same with the long tests, and more of each
	$(PYTEST) --all

test-dispatch: .venv/installed  ## the numeric tests with the code that other processors run
	$(BIN)/python tests/dispatch_matrix.py

lint: .venv/installed  ## style, types and import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
