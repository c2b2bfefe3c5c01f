PYTHON ?= python3
BIN := .venv/bin

PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder --durations 40
LOCKED := Linux x86_64 3.11  # what requirements.lock is of; elsewhere constraints.txt pins versions
PLATFORM := $(shell $(PYTHON) -c 'import platform as p, sys; \
	print(p.system(), p.machine(), "%d.%d" % sys.version_info[:2])')

.PHONY: demo console test test-all test-dispatch screenshots lint format lock

.venv/installed: pyproject.toml constraints.txt requirements.lock
	$(PYTHON) -m venv .venv
ifeq ($(strip $(PLATFORM)),$(strip $(LOCKED)))
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
else
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
endif
	touch $@

lock:  ## write the lock files anew, from constraints.txt; on Linux, x86-64, CPython 3.11
	$(PYTHON) -m pip install --quiet --dry-run --ignore-installed --report - \
	  --constraint constraints.txt '.[dev]' editables setuptools | $(PYTHON) .ci/lock.py > requirements.lock.new
	mv requirements.lock.new requirements.lock
	$(PYTHON) -m pip install --quiet --dry-run --ignore-installed --report - \
	  --constraint constraints.txt '.[otel]' hatchling \
	  | $(PYTHON) .ci/lock.py torch nvidia- cuda- triton > docker/requirements.lock.new
	mv docker/requirements.lock.new docker/requirements.lock

/usr/bin/chromium:  # the tests of the console use it
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && apt-get install -qq --yes --no-install-recommends chromium; \
	else \
	  echo "The tests need $@. Install it, such as by: sudo apt-get install chromium" >&2; exit 1; \
	fi

/usr/bin/node:  # the tests of the client in TypeScript use it
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && apt-get install -qq --yes --no-install-recommends nodejs npm; \
	else \
	  echo "The tests need $@, 18.17 or newer. Install it, such as by: sudo apt-get install nodejs npm" >&2; exit 1; \
	fi

clients/node/dist/cli.js: /usr/bin/node $(wildcard clients/node/src/*.ts) clients/node/package-lock.json
	cd clients/node && npm ci --silent --no-audit --no-fund --ignore-scripts && npm run --silent build
	touch $@

clients/browser/dist/page.js: /usr/bin/node $(wildcard clients/browser/src/*) $(wildcard clients/node/src/*.ts) \
		clients/browser/package-lock.json
	cd clients/browser && npm ci --silent --no-audit --no-fund --ignore-scripts && npm run --silent build
	touch $@

demo: .venv/installed  ## index real photos, declare a bank, ask about an altered copy
	@PATH="$(CURDIR)/$(BIN):$$PATH" ./demo/run

console: .venv/installed  ## the console on real photos, with campaigns and a queue
	@$(BIN)/python demo/console.py

test: .venv/installed /usr/bin/chromium clients/node/dist/cli.js  ## what a change must pass
	$(PYTEST)

test-all: .venv/installed /usr/bin/chromium clients/node/dist/cli.js clients/browser/dist/page.js  ## the same with the long tests, and more of each
	$(PYTEST) --all

test-dispatch: .venv/installed  ## the numeric tests with the code that other processors run
	$(BIN)/python tests/dispatch_matrix.py

screenshots: .venv/installed /usr/bin/chromium  ## draw docs/console-*.png, light and dark
	$(BIN)/python tests/console_screenshots.py

lint: .venv/installed  ## style, types and import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
