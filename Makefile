# `make demo` and `make test` set up all they need: a virtual environment with pinned, hash-checked packages.
# PYTHON names another interpreter (3.11 or 3.12; on 3.13 the plain rule engine is used): make test PYTHON=python3.12

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test format lint types imports browser tests sabotage simulate bench fuzz crashes lock sbom audit-packages clean help

help: ## What there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(READY) ## Three weeks of follow-up on a local stand-in of both CRMs; no account needed
	@$(BIN)/followup demo

test: $(READY) format lint imports browser ## Format, lint, types, import contract and every test; loopback only
	@$(MAKE) --no-print-directory --jobs=2 types tests # mypy has one core only: the tests need not wait for it

$(READY): requirements/build.lock requirements/dev.lock pyproject.toml
	@echo "setting up $(VENV) (about a minute, once)"
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV) || { echo "python3-venv is missing: apt-get install python3-venv python3-dev gcc make"; exit 1; }
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes -r requirements/build.lock
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes --no-build-isolation -r requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $@

format: $(READY)
	@$(BIN)/ruff format --quiet --check . || { echo "run: $(BIN)/ruff format ."; exit 1; }

lint: $(READY)
	@$(BIN)/ruff check --quiet .

types: $(READY)
	@$(BIN)/mypy

imports: $(READY)
	@$(BIN)/lint-imports --no-cache > $(VENV)/imports.log 2>&1 || { cat $(VENV)/imports.log; exit 1; }

# The report's page is drawn in Chromium to see that it looks as it should. Who cannot install it tests all the rest.
browser:
	@if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then echo "installing chromium (once)"; \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends chromium chromium-driver; } \
	    >/dev/null 2>&1 || echo "chromium could not be installed: the tests of the drawn page are skipped"; \
	else echo "chromium is missing, the tests of the drawn page are skipped: apt-get install chromium chromium-driver"; fi

# Files go to the workers as they stand, not the one with the most tests first: so many small ones are left for the end, and none waits long.
tests: $(READY)
	@$(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

sabotage: $(READY) ## Faults put into a copy, on each of which a test must fail; ONLY=word chooses, ALL=1 runs the whole suite on each
	@$(BIN)/python -m tests.sabotage $(if $(ALL),--all) $(ONLY)

fuzz: $(READY) ## New cases for every fuzz target: SECONDS=60 in all, TARGET=answers for one; a failure is kept in tests/fuzz/corpus
	@$(BIN)/python -W ignore -m tests.fuzz --seconds $(or $(SECONDS),60) $(if $(TARGET),--target $(TARGET))

bench: $(READY) ## The figures of docs/performance.md, measured here
	@$(BIN)/python -m benchmarks

crashes: $(READY) ## A pass killed at every point, and again in the pass that follows; bad disks, power cuts, clocks (two hours)
	@$(BIN)/python -m tests.crash.everything $(JOBS)

lock: $(READY) ## Write the lock files anew from pyproject.toml
	@for name in build run dev; do \
	  case $$name in build) from=requirements/build.in;; run) from=pyproject.toml;; dev) from="--extra dev pyproject.toml";; esac; \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	    --custom-compile-command "make lock" $$from -o requirements/$$name.lock; done

SEEDS ?= 200
FIRST_SEED ?= 1

simulate: $(READY) ## Random orgs, rules, people, faults and kills against an oracle: make simulate SEEDS=200 FIRST_SEED=1
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS) --first-seed $(FIRST_SEED)

sbom: $(READY) ## The bill of materials of what a user installs, CycloneDX, in dist/sbom.json
	@$(BIN)/python .ci/sbom.py dist/sbom.json

audit-packages: $(READY) ## Ask a vulnerability database about the locked packages; says so when it could not
	@$(BIN)/python .ci/audit_packages.py run.lock build.lock

clean: ## Remove the virtual environment and caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis
