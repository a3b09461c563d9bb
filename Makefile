# Every command sets up what it needs by itself: Python >= 3.11, git and make are enough to start with.
#   ARGS="…"     is handed on to the command           make test ARGS="-k client"
#   PYTHON=…     makes .venv from this Python          make demo PYTHON=python3.13

ARGS ?=
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help coverage demo docs lite test lint bench binder gallery soak
# Two goals asked for at once share one environment; installing into it twice at a time breaks it.
.NOTPARALLEL:

help: ## list these commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)$$/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

demo: $(VENV)/.installed-demo ## open the quickstart in JupyterLab on a simulated account; no key needed
	@$(BIN)/evolink-nb demo $(ARGS)

lite: $(VENV)/.installed-lite ## build the demo as a site that needs no server, into build/lite/site (ARGS=--serve serves it)
	@$(BIN)/python -m lite $(ARGS)

docs: $(VENV)/.installed-docs ## build the documentation, into build/docs/site
	@$(BIN)/python -m docs $(ARGS)

# Most of its time a test waits, for a kernel or a page: more of them at once than there are cores is faster.
test: $(VENV)/.installed-test ## run all tests, those in a real browser too
	@$(BIN)/python -m tests.support.chromium
	@$(BIN)/python -m tests.support.postgres
	@$(BIN)/python -m tests.support.pgbouncer
	@$(BIN)/python -m tests.support.promtool
ifeq ($(strip $(ARGS)),)
	$(BIN)/python -m pytest --ignore tests/browser --numprocesses 8 --dist loadfile --no-loadscope-reorder
	$(BIN)/python -m pytest tests/browser --numprocesses 4 --dist loadfile --no-loadscope-reorder
else
	$(BIN)/python -m pytest $(ARGS)
endif

coverage: $(VENV)/.installed-test ## run the tests that need no browser, and see that they cover the code (half as long again)
	$(BIN)/python -m pytest --ignore tests/browser --numprocesses 4 --dist loadfile --cov

lint: $(VENV)/.installed-lint ## check style, types and which layer imports which
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.frontend

bench: $(VENV)/.installed-test ## measure what this package adds to your work, beside comparable libraries (ARGS=--write-docs publishes it)
	@$(BIN)/python -m benchmarks $(ARGS)

soak: $(VENV)/.installed-test ## run a kernel for 10 minutes while much goes wrong, and count what it holds
	@$(BIN)/python -m tests.soak $(ARGS)

gallery: $(VENV)/.installed-test ## take a picture of every state of the card, into screenshots/gallery
	@$(BIN)/python -m tests.gallery $(ARGS)

binder: $(VENV)/.created ## do locally what a Binder build does, and run the quickstart there
	@$(BIN)/python -m tests.support.binder_build

# The first Python that is new enough and can make an environment (Debian keeps that part in python3-venv).
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& echo $$python && break; done)

$(VENV)/.created:
	@python="$(PYTHON)"; if [ -z "$$python" ]; then \
		echo "make: no Python >= 3.11 with the venv module found; install one (on Debian: python3-venv)" \
			"or name it: make PYTHON=/path/to/python" >&2; exit 1; fi; \
	"$$python" -m venv $(VENV) && touch $@

# An extra is for users, a group for developers. Groups need pip 25.1, and a Python brings the pip of its day.
$(VENV)/.installed-demo: WHAT := '.[demo]'
$(VENV)/.installed-%: WHAT = . --group $*
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

$(VENV)/.installed-%: pyproject.toml | $(VENV)/.created
	@echo "Installing what 'make $*' needs into $(VENV) (a minute or two the first time)" >&2
	@$(PIP) 'pip>=25.1' && $(PIP) --editable $(WHAT) && touch $@
