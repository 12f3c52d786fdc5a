# make chat   sets up .venv once and opens the assistant on 127.0.0.1
# make test   sets up .venv once and runs the default tests
#
# Options go through variables:  make chat ARGS="--share"   make test ARGS="-k facts"
# Another Python:                make chat PYTHON=python3.12

PYTHON ?= python3
ARGS ?=
VENV := .venv/bin

.DEFAULT_GOAL := chat
.PHONY: chat test unit slow gpu check startup help

chat:  ## set up once, then open the assistant
	@$(PYTHON) -I assistant/setup.py chat
	@exec $(VENV)/python launch.py $(ARGS)

test:  ## set up once, then run the default tests
	@$(PYTHON) -I assistant/setup.py test
	@$(VENV)/python -m pytest -n 2 --dist loadfile $(ARGS)

unit: ## unit tests alone, within a minute
	@$(PYTHON) -I assistant/setup.py test
	@$(VENV)/python -m pytest -n 2 -m "not slow and not gpu and not browser and not whole" $(ARGS)

slow: ## tests that take minutes
	@$(PYTHON) -I assistant/setup.py test
	@$(VENV)/python -m pytest -m slow $(ARGS)

gpu:  ## tests that need a CUDA device
	@$(PYTHON) -I assistant/setup.py test
	@$(VENV)/python -m pytest -m gpu $(ARGS)

check: ## lint what is installed to lint with, then the tests
	@if [ -x $(VENV)/ruff ]; then $(VENV)/ruff format --check . && $(VENV)/ruff check .; \
	 elif command -v ruff >/dev/null; then ruff format --check . && ruff check .; \
	 else echo "ruff is not installed: skipped (pip install ruff)"; fi
	@if [ -x $(VENV)/lint-imports ]; then $(VENV)/lint-imports; \
	 else echo "import-linter is not installed: skipped (pip install import-linter)"; fi
	@$(MAKE) --no-print-directory test

startup: ## measure: page served, first token
	@$(PYTHON) -I assistant/setup.py chat
	@$(VENV)/python -m assistant.evaluate.startup $(ARGS)

help: ## this list
	@grep -hE '^[a-z]+: *##' Makefile | sed 's/: *## */\t/'
