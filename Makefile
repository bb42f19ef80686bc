# `make run` starts the site on a machine that has only Python, Node and make; `make help` lists the rest.
# Paths are relative, since the folder's name may have spaces in it.

SHELL := /bin/sh
PYTHON_DONE := .venv/.run-installed
TESTS_DONE := .venv/.test-installed
LOCAL_DONE := .venv/.local-installed
AUDIT_DONE := .venv/.audit-installed
NODE_DONE := node_modules/.installed
BUILT := static/dist/.built
SOURCES := $(shell find static/src templates -type f 2>/dev/null)
# Three for two cores: tests in the browser wait more than they compute.
PYTEST := .venv/bin/python -m pytest -n 3 --dist worksteal
MODELS := .venv/bin/python -m pytest tests/models --timeout 300
RECIPES := tests/recipes/test_additions.py tests/recipes/test_removals.py
FAULTS := .venv/bin/python -m pytest -n 4 --dist worksteal tests/faults
COMPILE := .venv/bin/python -m uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header

# Where it is set, each process that a test starts compiles everything anew, which takes a second or two of it.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: run run-local test test-recipes test-models faults faults-once check lint bench lock audit sbom clean help FORCE

run: $(BUILT) $(PYTHON_DONE) ## start everything (PORT=8001 make run: on another port)
	@exec .venv/bin/chat dev

run-local: $(BUILT) $(PYTHON_DONE) $(LOCAL_DONE) ## the same with a small real model on this machine, without a key
	@exec .venv/bin/chat dev --local-model

test: $(BUILT) $(TESTS_DONE) ## run the tests but for those below (PYTEST_ARGS="-k name": some of them)
	@CHROMIUM="$$(bin/find-chromium)" && export CHROMIUM && exec $(PYTEST) --ignore tests/faults --ignore tests/models $(RECIPES:%=--ignore %) $(PYTEST_ARGS)

test-recipes: $(BUILT) $(TESTS_DONE) ## add and remove what docs/extending.md says, and test the rest
	@exec .venv/bin/python -m pytest -n 2 $(RECIPES) $(PYTEST_ARGS)

# They wait for real leases and limits most of the time, so four at once do not crowd two cores.
faults: $(BUILT) $(TESTS_DONE) ## break everything, for a quarter of an hour: each fault, 200 random mixtures, 100 killed answers
	@export SEEDS="$${SEEDS:-200}" KILLS="$${KILLS:-50}" SOCKETS="$${SOCKETS:-2000}" LOCK_SECONDS="$${LOCK_SECONDS:-60}" ANSWERS="$${ANSWERS:-250}" && exec $(FAULTS) $(PYTEST_ARGS)

faults-once: $(BUILT) $(TESTS_DONE) ## the same in five minutes: each fault, 20 mixtures, 20 killed answers
	@exec $(FAULTS) $(PYTEST_ARGS)

test-models: $(BUILT) $(TESTS_DONE) $(LOCAL_DONE) ## test the site with a small real model, which is downloaded once
	@exec $(MODELS) $(PYTEST_ARGS)

check: lint test ## what has to be green before a commit: style, types, import contracts, tests

lint: $(TESTS_DONE) ## style, types and import contracts alone
	.venv/bin/python -m ruff check .
	.venv/bin/python -m ruff format --check .
	.venv/bin/python -m mypy
	.venv/bin/lint-imports

bench: $(BUILT) $(TESTS_DONE) ## measure the site under load, in a few minutes (BENCH_ARGS=--help: what else can be measured)
	@.venv/bin/python -m bench.load $(BENCH_ARGS)

lock: $(TESTS_DONE) ## write the lock files again (UPGRADE=--upgrade: with newer versions)
	$(COMPILE) $(UPGRADE) pyproject.toml -o requirements.txt
	$(COMPILE) $(UPGRADE) pyproject.toml -o requirements-dev.txt -c requirements.txt --group services
	$(COMPILE) $(UPGRADE) pyproject.toml -o requirements-test.txt -c requirements.txt --group services --group test
	$(COMPILE) $(UPGRADE) -o requirements-local.txt --no-deps --only-binary xllamacpp --emit-build-options --group local
	$(COMPILE) $(UPGRADE) -o requirements-audit.txt -c requirements-test.txt --group audit
	npm $(if $(UPGRADE),update,install) --package-lock-only

# By what is known today, so an unchanged lock can fail. --strict: a package that could not be looked up fails too.
audit: $(AUDIT_DONE) ## check every locked package for known vulnerabilities
	.venv/bin/pip-audit --strict --disable-pip --require-hashes -r requirements-test.txt
	.venv/bin/pip-audit --strict --disable-pip --require-hashes -r requirements-local.txt
	.venv/bin/pip-audit --strict --disable-pip --require-hashes -r requirements-audit.txt
	npm audit --package-lock-only

# Optional packages are binaries of build tools, one for each system.
sbom: $(AUDIT_DONE) ## write a release's bill of materials, as CycloneDX, to var/sbom/
	@mkdir -p var/sbom
	.venv/bin/cyclonedx-py requirements requirements.txt --pyproject pyproject.toml --output-reproducible --of JSON -o var/sbom/python.cdx.json
	npm sbom --sbom-format cyclonedx --sbom-type application --package-lock-only --omit dev --omit optional >var/sbom/javascript.cdx.json

clean: ## remove what was installed and built; var/, with your data, stays
	rm -rf .venv node_modules static/dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

help: ## list these
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 8

$(PYTHON_DONE): requirements-dev.txt pyproject.toml
	@bin/install-python requirements-dev.txt
	@touch $@

# The tests' lock holds all of the other one.
$(TESTS_DONE): requirements-test.txt pyproject.toml
	@bin/install-python requirements-test.txt
	@touch $(PYTHON_DONE) $@

# The model's package names an engine that has to be compiled, so its lock is without dependencies.
$(LOCAL_DONE): requirements-local.txt $(PYTHON_DONE)
	@bin/install-python requirements-local.txt
	@touch $@

$(AUDIT_DONE): requirements-audit.txt $(TESTS_DONE)
	@bin/install-python requirements-audit.txt
	@touch $@

$(NODE_DONE): package.json package-lock.json .npmrc
	@bin/install-node
	@touch $@

$(BUILT): $(NODE_DONE) $(SOURCES) static/src templates
	@bin/build-static
	@touch $@

# A virtual environment has its own place written into it, so one that was moved is made again.
ifneq ($(wildcard .venv/.place),)
ifneq ($(shell cat .venv/.place),$(shell pwd -P))
$(PYTHON_DONE) $(TESTS_DONE) $(LOCAL_DONE) $(AUDIT_DONE): FORCE
endif
endif
