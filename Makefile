# Keepfit. `make demo` and `make test` do all the set-up themselves.
.DEFAULT_GOAL := help
# The first of these that runs and is of a version that we support; a name on the PATH may be an empty shim.
PYTHON ?= $(shell for name in python3.12 python3.11 python3; do \
	$$name -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null && echo $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin
export DO_NOT_TRACK := true
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Hundreds of our processes are short: without bytecode each compiles all of the project anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup demo up down test lint bench lock

help: ## Show what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## Make the virtual environment from the hashed lock

$(VENV)/.ready: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Keepfit needs Python 3.11 or 3.12 and found neither: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked packages into $(VENV) (a few minutes the first time) ..."
	@$(BIN)/python -m pip install -qq --no-compile --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true # pip uses one processor; templates do not compile
	@$(BIN)/python -m pip install -qq --no-deps --no-build-isolation --editable .
	@broken=$$($(BIN)/python -m pip check) || { echo "$$broken"; exit 1; }
	@touch $@

# The engine `spark` is tested where there is Java for it.
SPARK := $(if $(shell command -v java),$(VENV)/.spark)

$(VENV)/.spark: $(VENV)/.ready requirements-spark.lock
	@echo "Installing Spark into $(VENV), for the tests of that engine (0.3 GB) ..."
	@$(BIN)/python -m pip install -qq --no-deps --require-hashes -r requirements-spark.lock
	@touch $@

demo: setup ## Replay the sample through the whole loop and stay up (EXIT=1: end by itself)
	@KEEPFIT_HOME=$${KEEPFIT_HOME:-.keepfit/demo-$$(date +%Y%m%d-%H%M%S)} $(BIN)/keepfit demo $(if $(EXIT),--exit)

up: setup ## Start Prefect, MLflow, Evidently and a worker on this machine
	@$(BIN)/keepfit up

down: setup ## End what `make up` started
	@$(BIN)/keepfit down

test: setup $(SPARK) ## Run every test, the end-to-end ones on real servers and a real browser too
	@$(BIN)/python -m $(if $(ARGS),pytest $(ARGS),tests.both)

lint: setup $(SPARK) ## ruff, mypy, the import contracts and the rules of the house (30 seconds)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -q -n 2 tests/architecture

bench: setup ## Print ratios against named peers, in one run (PARTS=decisions: how the decisions hold; longer)
	@$(BIN)/python -m benchmarks $(if $(filter decisions,$(PARTS)),--decisions)

lock: ## Resolve the newest allowed versions into requirements.lock (needs uv)
	uv pip compile --universal --generate-hashes --no-emit-index-url --python-version 3.11 --extra dev pyproject.toml -o requirements.lock --quiet
	echo 'pyspark>=3.5,<4' | uv pip compile --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --python-version 3.11 - -o requirements-spark.lock --quiet
