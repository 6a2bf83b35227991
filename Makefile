# `make help` lists the targets. Variables pass through: make book PROFILE=cpu SEED=1
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PARAMETERS := $(if $(PROFILE),--profile $(PROFILE)) $(if $(CORPUS),--corpus $(CORPUS)) \
	$(if $(SEED),--seed $(SEED)) $(if $(DEVICE),--device $(DEVICE))

.DEFAULT_GOAL := help
.PHONY: help book test clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

book: $(VENV)/ready ## execute the notebooks and build _build/html/index.html
	@$(BIN)/python -m mtlib book $(PARAMETERS)

test: $(VENV)/ready-dev ## check the style and run the tests
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 15 $(TESTS)

clean: ## delete what was built (not the environment, not the fetched files)
	@test ! -e _build || find _build/ -maxdepth 2 '(' -name CACHEDIR.TAG -o -name executed ')' | grep -q . || \
		{ echo "Error: _build holds no book built here; nothing is deleted" >&2; exit 1; }
	rm -rf _build .pytest_cache .ruff_cache .hypothesis

$(VENV)/ready: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with make PYTHON=..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing what the book needs into $(VENV) (about 5 GB, a few minutes)"
	@$(BIN)/python -m pip install --quiet -r requirements.txt
	@touch $@

$(VENV)/ready-dev: requirements-dev.txt $(VENV)/ready
	@$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	@if command -v npm >/dev/null; then npm install --prefix tests/builder/browser --silent --no-audit --no-fund; \
		else echo "no npm here: the accessibility of the pages is not tested"; fi
	@touch $@
