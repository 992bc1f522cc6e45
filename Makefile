# make demo · make quick · make test · make check · make bench · make clean
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Anything pip should know on your machine, e.g. the index of a CUDA build of PyTorch.
PIP_ARGS ?=
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(PIP_ARGS)
# Set-up is done once for each state of these files; afterwards nothing here needs the network.
STATE  := $(shell cat pyproject.toml constraints.txt Makefile | sha256sum | cut -c1-12)
DEMO_ARGS ?=
# A worker a core. Tests of one xdist_group stay on one worker, one after the other.
WORKERS ?= logical
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder --durations=20
define NO_INSTALL
echo "error: pip could not install what Insource needs; its last lines are above." >&2; \
	echo "hint: the first run needs a package index and about 3 GB of disk; then run the same command again." >&2; exit 1;
endef

.PHONY: demo quick test check bench clean

demo: $(VENV)/.demo-$(STATE)
	$(BIN)/insource demo $(DEMO_ARGS)

# For every change, in less than three minutes; it needs no model and kills nothing.
quick: $(VENV)/.test-$(STATE)
	$(PYTEST) tests/unit tests/property tests/architecture

test: check
	$(PYTEST) -m 'not slow'

check: $(VENV)/.test-$(STATE)
	$(BIN)/ruff format --check src tests benchmarks examples
	$(BIN)/ruff check src tests benchmarks examples
	$(BIN)/mypy
	$(BIN)/lint-imports

# The slow simulations and every benchmark at full size; takes hours on two cores.
bench: $(VENV)/.test-$(STATE)
	$(BIN)/python -m pytest -m slow
	set -e; for script in benchmarks/bench_*.py; do $(BIN)/python $$script $(BENCH_ARGS); done

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: Insource needs Python 3.11 or newer; $$($(PYTHON) --version 2>&1) is $$(command -v $(PYTHON))." >&2; \
	  echo "hint: install it (Debian: apt install python3.11-venv) and run: make demo PYTHON=python3.11" >&2; \
	  exit 1; }
	$(PYTHON) -m venv $(VENV)

# PyTorch first and alone: asked for together with the rest, pip may pick another build of it.
$(VENV)/.demo-$(STATE): | $(VENV)/bin/python
	@$(INSTALL) torch && $(INSTALL) -e '.[all]' || { $(NO_INSTALL) }
	@rm -f $(VENV)/.demo-*; touch $@

$(VENV)/.test-$(STATE): | $(VENV)/.demo-$(STATE)
	@$(INSTALL) -e '.[all,test]' || { $(NO_INSTALL) }
	@rm -f $(VENV)/.test-*; touch $@
