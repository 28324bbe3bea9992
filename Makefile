# capi2kit: `make` alone lists what can be made.

PYTHON ?= python3
VENV ?= .venv
LOG ?=
OUT ?=
EXTRAS ?=
WORLDS ?= 2000
MUTANTS ?= 300

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

# Recipes read the paths from the environment: blanks, quotes and dollar signs in them need no care.
export CAPI2KIT_LOG := $(value LOG)
export CAPI2KIT_OUT := $(value OUT)
unexport LOG OUT

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv demo report test unit slow lab notebooks docs kit datasets wheelhouse bench fuzz mutants clean

help: ## list these targets
	@echo 'Usage: make TARGET [LOG=path] [OUT=path] [PYTHON=python3.12] [VENV=.venv]'
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' Makefile

# Three stamps: the environment, with the package, with the package and the tools that test it.
$(VENV)/.made:
	@command -v '$(PYTHON)' >/dev/null 2>&1 \
	  || { echo "No '$(PYTHON)' found. capi2kit needs Python 3.11 or newer: make PYTHON=/path/to/python3" >&2; exit 2; }
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "capi2kit needs Python 3.11 or newer; '$(PYTHON)' is $$('$(PYTHON)' -V 2>&1)." \
	       "Name a newer one: make PYTHON=python3.12" >&2; exit 2; }
	@'$(PYTHON)' -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "'$(PYTHON)' cannot make environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 2; }
	'$(PYTHON)' -m venv '$(VENV)'
	@touch '$@'

$(VENV)/.core: pyproject.toml | $(VENV)/.made
	$(PIP) install --quiet -e .
	@touch '$@'

$(VENV)/.dev: pyproject.toml | $(VENV)/.made
	$(PIP) install --quiet -e '.[dev]'
	@touch '$(VENV)/.core' '$@'

$(VENV)/.lab: pyproject.toml | $(VENV)/.made
	$(PIP) install --quiet -e '.[pki,lab]'
	@touch '$(VENV)/.core' '$@'

demo: $(VENV)/.core ## an invented SharePoint incident: install, analyse, headline, report [OUT=folder]
	@$(BIN)/capi2kit demo $(if $(value OUT),-o "$$CAPI2KIT_OUT")

venv: $(VENV)/.dev ## make .venv with the package and its developer tools

ifeq ($(strip $(value LOG)),)
report: ## one HTML report: make report LOG=WEB01.evtx [OUT=spinup.html]
	@echo 'No log given. Usage: make report LOG=path/to/CAPI2.evtx [OUT=report.html]' >&2
	@echo 'LOG is a file, a folder or a pattern; quote it if it holds blanks: LOG="my logs/WEB01.evtx"' >&2
	@exit 2
else
report: $(VENV)/.core
	@$(BIN)/capi2kit report "$$CAPI2KIT_LOG" $(if $(value OUT),-o "$$CAPI2KIT_OUT")
endif

test: $(VENV)/.dev ## check style, types and behaviour
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto

unit: $(VENV)/.dev ## the tests of the analysis that read no scenario: the inner loop
	CAPI2KIT_WORLDS=5 $(BIN)/python -m pytest -n auto -m unit

slow: $(VENV)/.dev ## the tests that take longer, and 2,000 random worlds per property [WORLDS=200]
	CAPI2KIT_WORLDS=$(WORLDS) $(BIN)/python -m pytest -n auto -m 'slow or worlds'

lab: $(VENV)/.lab ## open the notebooks in JupyterLab: make lab [LOG=WEB01.evtx]
	@case "$$CAPI2KIT_LOG" in \
	  '') ;; \
	  /*) export LOG="$$CAPI2KIT_LOG" ;; \
	  *) export LOG="$$PWD/$$CAPI2KIT_LOG" ;; \
	esac; exec $(BIN)/jupyter lab notebooks

notebooks: $(VENV)/.dev ## run the notebooks and store them with their outputs
	$(BIN)/python tests/stored_notebooks.py 2>/dev/null

docs: $(VENV)/.dev ## build the documentation site; a warning is an error: docs/_build/html/index.html
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo 'docs/_build/html/index.html'

kit: $(VENV)/.dev ## slides and handouts for a class: kit/ (needs npm)
	$(BIN)/python docs/kit.py $(if $(value OUT),"$$CAPI2KIT_OUT")

datasets: $(VENV)/.core ## make the lab's files anew, and print the table for datasets/README.md
	$(BIN)/capi2kit lab make --force -o datasets/lab >/dev/null
	@$(BIN)/capi2kit lab list --files datasets/lab

wheelhouse: $(VENV)/.core ## all wheels for a machine without a network: make wheelhouse [EXTRAS=pki,report]
	rm -rf wheelhouse
	$(PIP) wheel --quiet --wheel-dir wheelhouse '.$(if $(EXTRAS),[$(EXTRAS)])'
	@echo 'Copy the folder wheelhouse to a machine with the same system and Python version, and there:'
	@echo '  python3 -m venv .venv'
	@echo "  .venv/bin/python -m pip install --no-index --find-links wheelhouse 'capi2kit$(if $(EXTRAS),[$(EXTRAS)])'"

bench: $(VENV)/.dev ## measure speed and memory
	@test -f tests/benchmarks/run.py || { echo 'There are no benchmarks yet.' >&2; exit 2; }
	$(BIN)/python tests/benchmarks/run.py
	$(BIN)/python tests/benchmarks/engines.py
	$(BIN)/python tests/benchmarks/farms.py

fuzz: $(VENV)/.dev ## altered logs, texts and archives against what they came from: make fuzz [FUZZ='--seed 7 --evtx 2000']
	$(BIN)/python tests/fuzz/campaign.py $(FUZZ)

mutants: $(VENV)/.dev ## small bugs put into the analysis: which of them its own tests see [MUTANTS=300]
	$(BIN)/python tests/mutants/run.py --count $(MUTANTS)

clean: ## remove .venv, wheelhouse, caches and build output
	rm -rf .venv wheelhouse docs/_build docs/_made kit build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .benchmarks
	find capi2kit tests -name __pycache__ -type d -prune -exec rm -rf {} +
