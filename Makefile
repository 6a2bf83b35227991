# `make help` lists the targets. Variables pass through: make book PROFILE=cpu SEED=1
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint lock.txt
PARAMETERS := $(if $(PROFILE),--profile $(PROFILE)) $(if $(CORPUS),--corpus $(CORPUS)) \
	$(if $(SEED),--seed $(SEED)) $(if $(DEVICE),--device $(DEVICE))

# Builds of PyTorch: cuda, cpu, or auto: cuda if they are installed already or there is an NVIDIA driver. Only Linux
# on x86-64 has the choice.
TORCH ?= auto
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
DRIVER ?= $(shell command -v nvidia-smi || ls -d /proc/driver/nvidia 2>/dev/null)
FOUND = $(or $(DRIVER),$(wildcard $(VENV)/lib/python3*/site-packages/nvidia))
BUILDS = $(if $(filter Linux-x86_64,$(shell uname -s)-$(shell uname -m)),$(TORCH:auto=$(if $(FOUND),cuda,cpu)))
CPU_BUILDS = $(shell sed -nE 's/^(torch|torchaudio)==[^ ]+/&+cpu/p' requirements.txt)
BACKEND := hatchling hatch-requirements-txt

.DEFAULT_GOAL := help
.PHONY: help book test test-all lab release lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

book: $(VENV)/ready ## execute the notebooks and build _build/html/index.html
	@$(BIN)/python -m mtlib book $(PARAMETERS)

test: $(VENV)/ready-dev ## check the style and run the tests
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 15 $(TESTS)

test-all: override TESTS += -m ''
test-all: test ## also run the tests that take minutes

lab: $(VENV)/ready ## open the notebooks in JupyterLab
	@$(PIP) jupyterlab
	@$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) book

release: export PUBLIC = 1
release: book ## zip the public book and its notebooks into _build/release
	@$(BIN)/python -m mtlib release

lock: $(VENV)/ready ## renew lock.txt; delete it first to take the newest versions
	@$(PIP) uv
	@printf '%s\n' jupyterlab $(BACKEND) | $(BIN)/uv pip compile requirements-dev.txt - --output-file lock.txt \
		--universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url --quiet

clean: ## delete what was built (not the environment, not the fetched files)
	@test ! -e _build || find _build/ -maxdepth 2 '(' -name CACHEDIR.TAG -o -name executed ')' | grep -q . || \
		{ echo "Error: _build holds no book built here; nothing is deleted" >&2; exit 1; }
	rm -rf _build .pytest_cache .ruff_cache .mypy_cache .hypothesis

$(VENV)/ready: requirements.txt lock.txt pyproject.toml
	@$(if $(filter auto cpu cuda,$(TORCH)),,echo "TORCH is auto, cpu or cuda, got '$(TORCH)'"; exit 1)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with make PYTHON=..."; exit 1; }
	@$(BIN)/python -m pip show --quiet pip 2>/dev/null || $(PYTHON) -m venv $(VENV) || \
		{ echo "$(VENV) could not be made (see above); repair this, or delete $(VENV), and run make again"; exit 1; }
	@echo "installing what the book needs into $(VENV) (a few minutes)"
	@test "$(BUILDS)" != cpu || $(PIP) --no-deps --retries 1 --timeout 15 --extra-index-url $(TORCH_INDEX) $(CPU_BUILDS) 2>/dev/null || \
		echo "no CPU builds of PyTorch from $(TORCH_INDEX): installing the CUDA builds, 4 GB larger"
	@$(PIP) --requirement requirements.txt $(BACKEND)
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/ready-dev: requirements-dev.txt $(VENV)/ready
	@$(PIP) --requirement requirements-dev.txt
	@if command -v npm >/dev/null; then npm install --prefix tests/builder/browser --silent --no-audit --no-fund; \
		else echo "no npm here: the accessibility of the pages is not tested"; fi
	@touch $@
