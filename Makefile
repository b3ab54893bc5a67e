# What a person types. `make help` lists it.
export HEADRACE_STATE := $(abspath $(or $(STATE),$(HEADRACE_STATE),.state))
export HEADRACE_PORTS := $(or $(PORTS),$(HEADRACE_PORTS),29000)
export NODES ?= 1
export WITH ?=
PYTHON := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-cluster test-here browser lint render bench up down status clean lock

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "make %-15s %s\n", $$1, $$2 }'

setup: ## Install what the project needs: .venv from requirements.lock, Java, the stack's jars
	@stack/setup.sh

demo: up ## Carry real messages through the whole pipeline once, and balance the books
	@$(PYTHON) -m stack.demo

test: setup browser lint ## Run all tests, those on the cluster beside the others, each on a stack of its own
	@$(MAKE) --no-print-directory --jobs=2 --keep-going --output-sync=line test-cluster test-here

test-cluster:
	@HEADRACE_TEST_PORTS=30000 $(PYTHON) -m pytest --verbose tests/cluster

test-here:
	@$(PYTHON) -m pytest --verbose --ignore=tests/cluster

browser:
	@tests/browser.sh

lint: setup ## Check style, types and rendered files
	@.venv/bin/ruff check --quiet .
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/pyright
	@.venv/bin/cog --check README.md flows/prefect.yaml k8s/base/kustomization.yaml

render: setup ## Write the workflows as YAML, and the generated parts of the documents
	@$(PYTHON) -m workflows
	@$(PYTHON) -m flows.pool
	@.venv/bin/cog -r README.md flows/prefect.yaml k8s/base/kustomization.yaml

bench: export WITH = documents
bench: up ## Measure; each benchmark ends in one JSON line a peer
	@for each in $$(ls bench/*.py | grep -v -e __init__ -e line.py); do $(PYTHON) -m bench.$$(basename $$each .py) || exit 1; done

up: setup ## Start the stack; PORTS=31000 STATE=.state2 NODES=3 make another one, WITH=documents a larger one
	@$(PYTHON) -m stack up

down: ## Stop the stack; its data stays
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m stack down; fi

status: ## Show the stack's services; fails when one does not run
	@$(PYTHON) -m stack status

clean: down ## Stop the stack and throw its data away
	@if [ -d "$(HEADRACE_STATE)/cluster" ]; then $(PYTHON) -m tests.cluster down; fi
	@rm -rf "$(HEADRACE_STATE)"

lock: setup ## Make requirements.lock and stack/jars.lock anew (for the maintainer)
	@stack/lock.sh
	@$(PYTHON) -m stack.jars lock

include tests/cluster/cluster.mk
