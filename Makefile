# The two commands that a newcomer needs are `make demo` and `make test`; `make help` lists the rest.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
FAST ?= .venv-fast
PEERS ?= .venv-peers
PYTHON312 ?= python3.12
PORT ?= 8000
BOTS ?= 1
DATA ?= var/demo
RAIL ?= ledger
DEEP ?= 840
LIVES ?= 15
SAMPLE ?= 200
# Tests run on as many workers as there are cores, at most 4.
WORKERS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); [ $$n -gt 4 ] && n=4; echo $$n)
# Browsers keep a worker waiting for a third of its time: one more than cores where they are.
WITH_BROWSERS ?= $(shell n=$$(($(WORKERS) + 1)); [ $$n -gt 4 ] && n=4; echo $$n)

.DEFAULT_GOAL := help
.PHONY: help demo test check install install-dev browser test-sqlite test-postgresql test-deep simulate chaos mutate mutate-contracts build-fast test-fast test-versions test-upgrades test-conformance test-localstripe bench bench-ledger bench-matching bench-peers messages replay format clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

$(BIN)/.runtime: requirements.lock
	@$(PYTHON) tests/tools/check_python.py
	@test -x $(BIN)/python || { echo "Creating the virtual environment in $(VENV) ..."; $(PYTHON) -m venv $(VENV); }
	@echo "Installing the pinned packages ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(BIN)/.dev: requirements-dev.lock $(BIN)/.runtime
	@echo "Installing the pinned packages for tests and checks ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

install: $(BIN)/.runtime ## Create .venv with the product's packages

install-dev: $(BIN)/.dev ## Create .venv with the packages for tests and checks, too

ifeq ($(RAIL),stripe)
DOUBLE := $(BIN)/python -m tests.fakestripe --webhook http://127.0.0.1:$(PORT)/hooks/stripe/ --state $(DATA)-stripe.json --
endif

demo: $(BIN)/.runtime ## Start the demo: three venues, bots, every screen (PORT=8000 BOTS=1 DATA=var/demo RAIL=stripe)
	@$(DOUBLE) $(BIN)/python manage.py demo --port $(PORT) --bots $(BOTS) --data $(DATA)

test: $(BIN)/.dev browser test-sqlite test-postgresql ## Run every test, the browser journeys included

browser:
	@sh tests/tools/find_chromium.sh

test-sqlite: $(BIN)/.dev
	$(BIN)/python -m pytest -q -n $(WITH_BROWSERS) --dist loadgroup

test-postgresql: $(BIN)/.dev
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadgroup -m databases --database postgresql

test-deep: $(BIN)/.dev ## Hold the engine against the naive venue: 5,000,000 commands, 100,000 Hypothesis histories (hours; DEEP=840)
	HAIDAI_DEEP=$(DEEP) $(BIN)/python -m pytest -v -x --timeout 0 -n $(WORKERS) tests/matching/test_naive.py tests/matching/test_machine.py

CONFORMANCE := .venv-conformance

$(CONFORMANCE)/.installed: tests/conformance/requirements.lock
	@$(PYTHON) tests/tools/check_python.py
	@test -x $(CONFORMANCE)/bin/python || { echo "Creating the virtual environment in $(CONFORMANCE) ..."; $(PYTHON) -m venv $(CONFORMANCE); }
	@echo "Installing the pinned conformance suite ..."
	@$(CONFORMANCE)/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r tests/conformance/requirements.lock
	@touch $@

test-conformance: $(CONFORMANCE)/.installed ## Run somebody else's conformance suite on the engine, in its own environment
	@$(CONFORMANCE)/bin/python -m tests.conformance

LOCALSTRIPE := .venv-localstripe

$(LOCALSTRIPE)/.installed: tests/localstripe/requirements.lock
	@$(PYTHON) tests/tools/check_python.py
	@test -x $(LOCALSTRIPE)/bin/python || { echo "Creating the virtual environment in $(LOCALSTRIPE) ..."; $(PYTHON) -m venv $(LOCALSTRIPE); }
	@echo "Installing the pinned localstripe ..."
	@$(LOCALSTRIPE)/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r tests/localstripe/requirements.lock
	@touch $@

test-localstripe: $(LOCALSTRIPE)/.installed ## Ask somebody else's double of Stripe for the flows that it supports, in its own environment
	@$(LOCALSTRIPE)/bin/python -m tests.localstripe

test-versions: $(BIN)/.dev ## The engine's bytes on each of Python 3.11, 3.12, 3.13 that is here (a minute)
	$(BIN)/python -m tests.versions

test-upgrades: $(BIN)/.dev ## Hold the one step of new databases against the many of old ones, on both databases (a minute)
	$(BIN)/python -m tests.upgrades

simulate: $(BIN)/.dev ## Live random contracts with scarce money, LIVES x 12 of them (2 minutes; LIVES=500 for an hour)
	HAIDAI_DEEP=$(LIVES) $(BIN)/python -m pytest tests/settlement/contracts/test_machine.py -q -s

chaos: $(BIN)/.dev ## 150 payments x 20 seeds through a rail that loses a third of the calls, on both databases (5 minutes)
	HAIDAI_CHAOS=1 $(BIN)/python -m pytest tests/settlement/payments/test_chaos.py -q -s -n $(WORKERS) --timeout 900
	HAIDAI_CHAOS=1 $(BIN)/python -m pytest tests/settlement/payments/test_chaos.py -q -s -n $(WORKERS) --timeout 900 -m databases --database postgresql

mutate: $(BIN)/.dev ## Plant faults into the engine and see that tests notice (40 minutes; SAMPLE=200)
	nice -n 15 $(BIN)/python -m tests.mutation --sample $(SAMPLE)

mutate-contracts: $(BIN)/.dev ## Plant faults into the rules of contracts and see that tests notice (20 minutes)
	nice -n 15 $(BIN)/python -m tests.mutation.settlement --sample 48

$(FAST)/.ready: requirements.lock requirements-dev.lock tests/fast/requirements.lock
	@echo "Installing the pinned packages in $(FAST) ..."
	@test -x $(FAST)/bin/python || $(PYTHON) -m venv $(FAST)
	@for lock in $^; do $(FAST)/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r $$lock || exit 1; done
	@touch $@

build-fast: $(FAST)/.ready ## Compile the engine with mypyc into a wheel (build/fast/wheel); needs gcc
	@echo "Compiling the engine's hot files ..."
	@$(FAST)/bin/python -m tests.fast.build --out build/fast

test-fast: build-fast ## Run the engine's tests, and its benchmark, against the compiled wheel
	@$(FAST)/bin/python -m pip install -qq --disable-pip-version-check --no-deps --force-reinstall build/fast/wheel/*.whl
	@$(FAST)/bin/python -m tests.fast.prepare --out build/fast/run
	cd build/fast/run && $(abspath $(FAST))/bin/python -m pytest -q -n $(WORKERS) tests/matching tests/scenarios tests/fast/check_compiled.py
	@echo "Pure, then compiled:"
	@$(FAST)/bin/python -m tests.benchmarks.bench_engine
	@cd build/fast/run && $(abspath $(FAST))/bin/python -m tests.benchmarks.bench_engine

check: $(BIN)/.dev ## Format, lint, types, import contracts, migrations
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run

format: $(BIN)/.dev ## Format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(BIN)/.dev ## Run the benchmarks for real, one after the other (10 minutes); prints tables and JSON lines
	$(BIN)/python -m tests.benchmarks

bench-ledger: $(BIN)/.dev ## Transfers a second through the ledger, on SQLite and PostgreSQL (half a minute)
	$(BIN)/python -m tests.benchmarks.bench_ledger

bench-matching: $(BIN)/.dev ## Run the engine's standard flows (half a minute); prints figures and JSON lines
	$(BIN)/python -m tests.benchmarks.bench_matching

$(PEERS)/.ready: tests/benchmarks/peers/requirements.lock
	@command -v $(PYTHON312) >/dev/null || { echo "The fastest peer wants Python 3.12 or later; name one: make bench-peers PYTHON312=..."; exit 1; }
	@echo "Installing the peers in $(PEERS) ..."
	@test -x $(PEERS)/bin/python || $(PYTHON312) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r $<
	@touch $@

bench-peers: $(PEERS)/.ready ## Run other people's Python engines beside ours on the same flow (2 minutes)
	$(PEERS)/bin/python -m tests.benchmarks.bench_peers

messages: $(BIN)/.dev ## Collect and compile translations (needs Debian's gettext)
	cd web && $(abspath $(BIN))/python ../manage.py makemessages -l en --no-location --no-wrap -d django
	cd web && $(abspath $(BIN))/python ../manage.py makemessages -l en --no-location --no-wrap -d djangojs --ignore vendor
	cd web && $(abspath $(BIN))/python ../manage.py compilemessages -l en

replay: $(BIN)/.runtime ## Re-execute the demo's journal and compare every event byte
	@HAIDAI_DATA_DIR=$(abspath $(DATA)) $(BIN)/python manage.py replay --verify

clean: ## Remove the demo's data
	rm -rf $(DATA)
