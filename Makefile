# Needs make and Python 3.11 or later with venv and pip, and nothing else. Everything is kept below this folder, in .venv.

PYTHON ?= python3
ARGS ?=

PY := .venv/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet

# A caller's Python settings must not leak into the environment that is pinned here.
unexport PYTHONPATH PYTHONHOME PIP_REQUIRE_VIRTUALENV PIP_USER VIRTUAL_ENV
export PYTHONNOUSERSITE := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check format bench fuzz kaitai lock clean

help:
	@echo "make demo    the whole path on the embedded database of this user: import, snapshot, look-ups"
	@echo "make test    all tests on the embedded PostgreSQL 18 (ARGS='-k isin' passes options to pytest)"
	@echo "make check   ruff, mypy strict, import-linter"
	@echo "make format  let ruff format and sort"
	@echo "make bench   the benchmarks, against their peers (ARGS='--sizes 100000' passes options)"
	@echo "make fuzz    damaged snapshots through the reader, damaged payloads through the importers, and random"
	@echo "             histories through deltas (SEED=1)"
	@echo "make kaitai  compile docs/registry.ksy and compare its parser with the reader (FILES=x.snap); needs Node.js"
	@echo "make lock    pin the newest allowed dependencies again"
	@echo "make clean   remove the environment and all caches"

demo: .venv/run.stamp
	@env -u CATALOG_DATABASE_URL .venv/bin/catalog demo $(ARGS)

test: .venv/dev.stamp
	$(PY) -m pytest $(ARGS)

check: .venv/dev.stamp
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports

format: .venv/dev.stamp
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: .venv/bench.stamp
	$(PY) -m benchmarks.snapshots $(ARGS)
	$(PY) -m benchmarks.export
	$(PY) -m benchmarks.importers

SEED ?= 0
fuzz: .venv/dev.stamp
	$(PY) -m tests.fuzz.importers --count 10000 --seed $(SEED)
	$(PY) -m tests.fuzz.snapshot --count 100000 --seed $(SEED)
	$(PY) -m tests.fuzz.histories --count 200 --seed $(SEED)

kaitai: .venv/dev.stamp
	@mkdir -p build/kaitai && cp tests/kaitai/package.json tests/kaitai/package-lock.json build/kaitai/
	@npm ci --prefix build/kaitai --ignore-scripts --no-audit --no-fund --silent
	@node tests/kaitai/compile.mjs
	$(PY) -m tests.kaitai.agree $(FILES)

.venv/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: $(PYTHON) is older than 3.11; name another one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

# A requirements file carries the hash of every package, so --no-deps changes nothing and --only-binary runs no foreign
# build script. The project itself is linked, not copied: an edit is seen at once.
.venv/run.stamp: pyproject.toml requirements/run.txt | .venv/pyvenv.cfg
	@echo "installing the catalog and what it needs into .venv"
	@$(PIP) install --require-hashes --no-deps --only-binary :all: -r requirements/run.txt
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

.venv/dev.stamp: requirements/dev.txt .venv/run.stamp
	@echo "installing the tools for tests and checks into .venv"
	@$(PIP) install --require-hashes --no-deps --only-binary :all: -r requirements/dev.txt
	@touch $@

.venv/bench.stamp: requirements/bench.txt .venv/dev.stamp
	@echo "installing what the benchmarks compare with into .venv"
	@$(PIP) install --require-hashes --no-deps --only-binary :all: -r requirements/bench.txt
	@touch $@

# One resolution for all files, valid for every Python and platform that the project names.
LOCK := build/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links
lock: .venv/pyvenv.cfg
	@$(PYTHON) -m venv build/lock && build/lock/bin/python -m pip --disable-pip-version-check --quiet install uv
	$(LOCK) pyproject.toml --all-extras --group dev --output-file requirements/dev.txt
	$(LOCK) pyproject.toml --extra embedded --group build --constraints requirements/dev.txt --output-file requirements/run.txt
	$(LOCK) --group bench --constraints requirements/dev.txt --output-file requirements/bench.txt

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
