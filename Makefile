# What a person types. `make help` lists it.
export HEADRACE_STATE := $(abspath $(or $(STATE),$(HEADRACE_STATE),.state))
export HEADRACE_PORTS := $(or $(PORTS),$(HEADRACE_PORTS),29000)
export NODES ?= 1
PYTHON := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup up down status clean lock

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "make %-8s %s\n", $$1, $$2 }'

setup: ## Install what the project needs: .venv from requirements.lock, Java, the stack's jars
	@stack/setup.sh

up: setup ## Start the stack; PORTS=31000 STATE=.state2 NODES=3 make another one
	@$(PYTHON) -m stack up

down: ## Stop the stack; its data stays
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m stack down; fi

status: ## Show the stack's services; fails when one does not run
	@$(PYTHON) -m stack status

clean: down ## Stop the stack and throw its data away
	@rm -rf "$(HEADRACE_STATE)"

lock: setup ## Make requirements.lock and stack/jars.lock anew (for the maintainer)
	@stack/lock.sh
	@$(PYTHON) -m stack.jars lock
