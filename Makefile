# Every command works on a fresh machine: what is missing is installed into .venv, from the hashed lock files.
# `make` alone says what there is. PYTHON=python3.13 chooses the interpreter.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.PHONY: help demo test test-slow test-ha simulate check bench lock clean dev legacy system

BIN := .venv/bin
INSTALL := bash requirements/install.sh
export PYTHONNOUSERSITE := 1
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

help: ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

demo: ## start the emulator and a small agency site; prints one URL
	@$(INSTALL) demo
	@$(BIN)/grantkeeper demo $(ARGS)

test: system check legacy ## lint, format, types and every test but the slow ones; installs what they need
	@$(BIN)/python tests/in_halves.py $(ARGS)

test-slow: system dev ## the tests that are slow by nature
	@$(BIN)/python -m pytest -m "slow and not ha" $(ARGS)

test-ha: system dev ## three PostgreSQL nodes under Patroni, whose primary is killed; installs Patroni and etcd
	@bash requirements/ha.sh
	@$(BIN)/python -m pytest -m ha $(ARGS)

simulate: dev ## run the keeper under drawn faults: SEEDS=0-1000000 (or COUNT=5000); SEEDS=12345 shows one seed's trace
	@PYTHONPATH=tests $(BIN)/python -m simulation.run $(or $(SEEDS),0-$(or $(COUNT),1000000)) $(ARGS)

check: dev ## lint, format and types only
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: system ## speed beside its peers, as ratios of one run; ARGS=--quick for a short one
	@$(INSTALL) bench
	@.venv-bench/bin/python -m bench $(ARGS)

lock: ## resolve every dependency anew and write the hashes
	@bash requirements/lock.sh

clean: ## remove everything that was made here
	@rm -rf .venv .venv-bench .venv-legacy .venv-lock .mypy_cache .ruff_cache .pytest_cache .hypothesis .playwright build dist var
	@find src tests examples bench -name __pycache__ -type d -prune -exec rm -rf {} +

dev:
	@$(INSTALL) dev

legacy:
	@$(INSTALL) legacy

system:
	@bash requirements/system.sh
