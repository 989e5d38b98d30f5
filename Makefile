# `make` or `make help` says what can be done here.
PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Made when the environment can run dockferry, when it can also test it, and when it can make the documents.
RUN_READY := $(VENV)/.ready-to-run
DEV_READY := $(VENV)/.ready-to-test
DOCS_READY := $(VENV)/.ready-to-write
BENCH_OUT := bench/out
# Tests that measure or count, or have a real part for the whole session; all others wait more than they work.
ALONE := $(addprefix tests/,bench cost crash demo faults packaging properties real)
ALONE += $(addprefix tests/,test_mirrors.py test_package.py usecases/test_ahead.py)

# An environment that was moved here, or whose Python is gone, is none.
$(shell test -x $(BIN)/python && grep -qsF '$(CURDIR)/$(VENV)' $(BIN)/pip || rm -f $(RUN_READY) $(DEV_READY) $(DOCS_READY))

.PHONY: help setup test nox lint demo messages docs recordings reference exe exe-cxfreeze pyz freezers
.PHONY: bench bench-growth bench-faults reliability clean system
.DEFAULT_GOAL := help

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20
	@echo
	@echo "  PYTHON=python3.12 chooses the interpreter (after make clean), ARGS=... goes on to the program."

setup: system $(DEV_READY) ## get all that the other targets need, system packages too

test: system $(DEV_READY) ## run all tests; as root (or with sudo) with real registries and engines
ifeq ($(ARGS),)
	$(BIN)/python -m pytest $(ALONE)
	$(BIN)/python -m pytest -n 4 $(ALONE:%=--ignore=%)
else
	$(BIN)/python -m pytest $(ARGS)
endif

nox: $(DEV_READY) ## run the core of the tests on every Python that is found; ARGS="-s core-3.9" on one
	$(BIN)/nox $(ARGS)

lint: $(DEV_READY) ## check style, format and types, those on Windows and macOS too
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --always-true WINDOWS
	$(BIN)/mypy --platform darwin --always-true MACOS --always-false WINDOWS

demo: $(RUN_READY) ## see a pull through a bad network, all on this machine
	$(BIN)/dockferry demo $(ARGS)

messages: $(DEV_READY) ## gather what is said, merge it into the catalogs of other languages, compile them
	$(BIN)/python scripts/messages.py update

exe: freezers ## make one executable file for this kind of system: dist/dockferry (UPX_DIR=... makes it smaller)
	$(PYTHON) packaging/build.py exe

exe-cxfreeze: freezers ## make a directory with an executable, by cx_Freeze: dist/dockferry-cxfreeze
	$(PYTHON) packaging/build.py cxfreeze

pyz: ## make one zip that any Python from 3.8 on runs: dist/dockferry.pyz
	@sh scripts/bootstrap venv "$(PYTHON)"
	$(PYTHON) packaging/build.py pyz

docs: reference ## build the documents' site, in two languages, into build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict $(ARGS)

reference: $(DOCS_READY) ## write the command reference from the program's own grammar
	$(BIN)/python scripts/reference.py

recordings: $(DOCS_READY) ## record the program on a terminal, as the documents' pictures
	$(BIN)/python scripts/recordings.py $(ARGS)

bench: system $(DEV_READY) ## measure against other tools; QUICK=1 takes two minutes; also JSON and plots in bench/out
	@$(BIN)/python bench/run.py $(if $(QUICK),--quick) --json $(BENCH_OUT)/results.json --plots $(BENCH_OUT) $(ARGS)

bench-growth: $(DEV_READY) ## measure how cost grows with layers, bytes, connections and tags
	@$(BIN)/python bench/growth.py $(if $(QUICK),--quick) --json $(BENCH_OUT)/growth.json --plots $(BENCH_OUT) $(ARGS)

bench-faults: system $(DEV_READY) ## play the faults against other tools
	$(BIN)/python bench/faults.py $(ARGS)

reliability: system $(DEV_READY) ## run the tests of the fault matrix and write docs/reliability.md
	PYTHONPATH=tests $(BIN)/python -m support.reliability $(ARGS)

clean: ## remove the environment, caches and build results
	rm -rf $(VENV) .nox .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

system:
	@sh scripts/bootstrap real

freezers:
	@sh scripts/bootstrap venv "$(PYTHON)"
	@sh scripts/bootstrap freeze "$(PYTHON)"

$(RUN_READY): pyproject.toml
	@sh scripts/bootstrap venv "$(PYTHON)"
	$(PYTHON) -m venv --clear $(VENV)
	@# The one that came with it may be too old to find what fits together: Python 3.8's tries for minutes.
	$(PIP) --upgrade pip
	$(PIP) --editable .
	@touch $@

$(DEV_READY): $(RUN_READY)
	$(PIP) --editable '.[dev]'
	@touch $@

$(DOCS_READY): $(RUN_READY)
	$(PIP) --editable '.[docs]'
	@touch $@
