# Netspace: `make demo` is all that a first look needs. `make help` lists the rest.
# Works with GNU make 3.81 and a plain sh. Options are given as in `make demo SIZE=50 PORT=9000`.

PYTHON ?= python3
SETUP = $(PYTHON) scripts/setup.py
RUN = .venv/bin/python

help: ## this list
	@echo "make TARGET, with the options in brackets as NAME=value:"
	@sed -n 's/^\([a-z][a-z]*\):.*## \(.*\)$$/  \1 = \2/p' Makefile | awk -F ' = ' '{printf "%-9s %s\n", $$1, $$2}'

# Older ones can't even read scripts/setup.py, which looks for a newer one by itself.
python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 7))' 2>/dev/null || { \
	  echo "Netspace needs Python 3.11 or newer, and there is none under the name $(PYTHON): install one," >&2; \
	  echo "or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }

demo: python ## set up, start everything, train a small population and show its result  [SIZE PORT EXIT=1]
	@$(SETUP) setup --for demo
	@$(RUN) manage.py demo $(if $(SIZE),--size $(SIZE)) $(if $(PORT),--port $(PORT)) $(if $(EXIT),--exit)

up: python ## set up and start everything; Ctrl-C stops it  [PORT]
	@$(SETUP) setup
	@$(RUN) manage.py up $(if $(PORT),--port $(PORT))

setup: python ## only set up: .venv with the packages of requirements.lock
	@$(SETUP) setup && echo "Netspace is set up: make up starts it."

# Coverage says something about the whole only, so a choice by ARGS measures none.
test: python ## set up, make check, then all tests on all cores  [ARGS="-k words" for pytest; -n0 for one process]
	@$(SETUP) setup --for test
	@$(SETUP) check
	@$(if $(ARGS),,COVERAGE=1 )$(RUN) -m pytest -n logical --maxprocesses 4 $(ARGS)

check: python ## formatting, lint, types, import layers, migrations, templates
	@$(SETUP) setup
	@$(SETUP) check

format: python ## format Python and templates
	@$(SETUP) setup
	@$(SETUP) format

bench: python ## measure speed: ours, a baseline and the ratio  [ARGS]
	@$(SETUP) setup
	@$(RUN) -m benchmarks $(ARGS)

chaos: python ## inflict N faults on real workers and check what is left  [N=25 SEED MINUTES]
	@$(SETUP) setup
	@$(RUN) -m tests.chaos --faults $(or $(N),25) $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES))

tour: python ## walk through the app as docs/tour.md tells it, and take its pictures  [SIZE PORT]
	@$(SETUP) setup --for test
	@$(RUN) -m tests.browser.tour $(if $(SIZE),--size $(SIZE)) $(if $(PORT),--port $(PORT))

lock: python ## write requirements.lock from what is installed
	@$(SETUP) lock

reset: python ## delete var/ (database, checkpoints, images, logs) after asking  [YES=1]
	@$(SETUP) reset $(if $(YES),--yes)

.PHONY: help python demo up setup test check format bench chaos tour lock reset
