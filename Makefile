# Two commands do it all on a fresh machine: `make loop` and `make test`.
#
# Everything is installed into .venv from requirements.lock; nothing else on the machine changes.
# PyTorch comes after it, outside of the lock, since its plain wheel brings gigabytes of CUDA: set
# TORCH_INDEX_URL to an index of CPU builds to go without (docs/install.md).

VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCK_STAMP := $(VENV)/.lock-installed
TORCH_STAMP := $(VENV)/.torch-installed
DOCS_STAMP := $(VENV)/.docs-installed
ROOMS := core envs datasets agents loop
CODE  := $(ROOMS) tests benchmarks examples
LINKS := build/typing
TORCH := 2.13.0
TORCH_INDEX_URL ?=

export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup loop test test-long check check-lock lint types imports tested lock format bench \
        docs clean readers

help: ## What can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Install everything that running and testing need into .venv, and compile kernels
	@$(BIN)/fleetloop warm
$(STAMP): $(LOCK_STAMP) $(TORCH_STAMP) pyproject.toml
	@echo "[4/4] Installing fleetloop"
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
$(LOCK_STAMP): requirements.lock tools/find-python.sh
	@python=$$(sh tools/find-python.sh) || exit 1; \
	if [ "$$($(BIN)/python -V 2>&1)" = "$$($$python -V 2>&1)" ] && $(BIN)/python -m pip -V >/dev/null 2>&1; \
	then echo "[1/4] The environment in $(VENV) is kept: \`make clean\` would have it made anew"; \
	else echo "[1/4] New environment in $(VENV), by $$python"; "$$python" -m venv --clear $(VENV); fi
	@echo "[2/4] Installing what requirements.lock names"
	@$(BIN)/python -m pip install --quiet --progress-bar on --require-hashes -r requirements.lock
	@touch $@
$(TORCH_STAMP): $(LOCK_STAMP)
	@echo "[3/4] Installing PyTorch $(TORCH)"
	@$(BIN)/python -m pip install --quiet --progress-bar on torch==$(TORCH) \
	  $(if $(TORCH_INDEX_URL),--index-url $(TORCH_INDEX_URL)) \
	  || { echo "PyTorch $(TORCH) could not be installed: see docs/install.md, PyTorch." >&2; exit 1; }
	@touch $@

loop: $(STAMP) ## Run the main job: robots drive, fail, are taught, and drive better; a report tells
	@$(BIN)/fleetloop loop --minutes 10 --robots car,humanoid --out runs/loop

test: $(STAMP) ## Run the tests, without the long ones
	@$(BIN)/python tools/tested.py run $(BIN)/python -m pytest -m "not long" -n 2 -q

test-long: $(STAMP) ## Run the long tests
	@$(BIN)/python -m pytest -m long -q

check: check-lock lint types imports tested ## Check everything: lock, style, types, imports, tests
	@echo "All checks passed."

tested: $(STAMP)
	@$(BIN)/python tools/tested.py show || $(MAKE) --no-print-directory test

check-lock: $(STAMP)
	@$(BIN)/python tools/check_lock.py

lint: $(STAMP)
	@$(BIN)/ruff check $(CODE) tools
	@$(BIN)/ruff format --check --quiet $(CODE) tools

# Type checkers and import-linter do not follow the editable install's mapping of folders: they are
# shown the same tree through links.
$(LINKS):
	@mkdir -p $(LINKS)/fleetloop
	@for room in $(ROOMS); do ln -sfn ../../../$$room $(LINKS)/fleetloop/$$room; done

types: $(STAMP) $(LINKS)
	@MYPYPATH=$(LINKS) $(BIN)/mypy --cache-dir build/mypy $(foreach room,$(ROOMS),-p fleetloop.$(room))

imports: $(STAMP) $(LINKS)
	@PYTHONPATH=$(LINKS) $(BIN)/lint-imports --no-cache

lock: $(STAMP) ## Renew requirements.lock and docs/requirements.lock from pyproject.toml
	@$(BIN)/uv pip compile --quiet pyproject.toml --extra dev --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate --no-emit-index-url --upgrade -o requirements.lock
	@$(BIN)/uv pip compile --quiet --group docs --constraints requirements.lock --universal \
	  --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --upgrade \
	  -o docs/requirements.lock

format: $(STAMP) ## Put the code in its usual form
	@$(BIN)/ruff check --fix --quiet $(CODE) tools
	@$(BIN)/ruff format --quiet $(CODE) tools

bench: $(STAMP) ## Measure sensors against their rivals, environments, and whether kernels vectorise
	@$(BIN)/fleetloop bench

readers: $(STAMP) ## Load every export with the real tools, each in an environment of its own
	@$(BIN)/python tools/readers/run.py

docs: $(STAMP) $(DOCS_STAMP) ## Build the documentation into site/; warnings are errors
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "The documentation is in site/index.html."
$(DOCS_STAMP): $(LOCK_STAMP) docs/requirements.lock
	@echo "Installing what docs/requirements.lock names"
	@$(BIN)/python -m pip install --quiet --progress-bar on --require-hashes -r docs/requirements.lock
	@touch $@

clean: ## Remove everything that was made
	@rm -rf $(VENV) build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
