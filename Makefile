# Two commands matter: `make demo` runs the product, `make test` runs its tests.
# Both set up all they need in .venv (and, for the tests, Debian's PostgreSQL and Node.js).

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
READY := .venv/ready
PACKAGES := domain protocol supervisor storage actors csms
TEST_ARGS ?=
ARGS ?=
# As many as the smallest machine has cores: with three it took as long, and two tests came too late.
WORKERS ?= 2
SEEDS ?= 200
SIMULATE_ARGS ?=

.PHONY: demo test check format docs chaos simulate bench lock pictures clean tools help

help: ## Show these lines
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or later is needed (found: $$($(PYTHON) --version)); try make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

demo: $(READY) ## Start a node with 20 simulated chargers; ctrl-C ends it
	@exec $(BIN)/csms demo

tools: $(READY)
	@sh tests/tools.sh

test: tools ## Run the tests, real PostgreSQL included
	@sh tests/run.sh $(BIN)/python $(WORKERS) $(TEST_ARGS)

check: $(READY) ## Format, lint, types, import contracts, generated docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m docs.generate --check

format: $(READY) ## Format and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY) ## Write the generated pages
	$(BIN)/python -m docs.generate

chaos: tools ## A thousand kills under load
	$(BIN)/pytest -m long tests/chaos $(TEST_ARGS)

simulate: $(READY) ## A node in simulated worlds: SEEDS=200, SEEDS=5-80 or SEEDS=7,9
	$(BIN)/python -m tests.simulation $(SEEDS) $(SIMULATE_ARGS)

bench: $(READY) ## Measure, and compare with the last recorded run; ARGS=--record keeps it
	$(BIN)/python -m benchmarks $(ARGS)

pictures: tools ## Take the pictures of docs/dashboard.md anew
	CSMS_TEST_SCREENSHOTS=docs/images $(BIN)/pytest -q tests/csms/dashboard/test_pages.py -k pictures

lock: $(READY) ## Resolve the dependencies anew
	$(BIN)/python -m piptools compile --quiet --generate-hashes --strip-extras --allow-unsafe \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--extra dev --extra loadtest -o requirements.lock pyproject.toml

clean: ## Remove the environment and caches
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
