# make demo   fresh machine: environment, embedded dataset, train, evaluate, report
# make check  lint, types and the fast tests, which compile no networks
# make test   fresh machine: environment, lint, types, the whole test suite
# make coverage   the whole test suite, and how much of the package it runs
# make fuzz   damaged files of every encoding, read in worker processes; FILES=5000 says how many
# make faults   kills, damaged files, full disks, signals: writes docs/reliability.md; PARTS=kills
# make bench  every benchmark beside its peers: writes docs/performance.md; BENCH=folder
# make docs   the documentation site, in build/site: open build/site/index.html
# make env    the environment only; VENV=path puts it elsewhere

PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin/mgr-jax
DEMO ?= runs/demo
DATA ?= runs/data
FILES ?= 5000
PARTS ?=
BENCH ?= docs/performance
SUITES = loaders frontends prepare predict startup scaling train models

PYTEST = $(VENV)/bin/pytest --numprocesses=logical --maxprocesses=4 --dist=worksteal

.PHONY: env demo lint check test docs coverage fuzz faults bench constraints clean

env: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "mgr_jax needs Python 3.11 or newer; name one with: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "Python's venv is missing; install it with: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --constraint constraints.txt --editable '.[tables,report,tags,keras,docs,test]'
	@touch $@

demo: env
	$(RUN) prepare_data --dataset=rendered/demo --sample_rate=12000 --data_dir=$(DATA)
	$(RUN) train --config=demo --workdir=$(DEMO) --config.data_dir=$(DATA)
	$(RUN) baselines --dataset=rendered/demo --sample_rate=12000 --data_dir=$(DATA) \
	  --workdir=$(DEMO)/svm
	$(RUN) evaluate --model=$(DEMO)
	$(RUN) report --model=$(DEMO) --compare=$(DEMO)/svm

lint: env
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

check: lint
	$(PYTEST) -m 'not slow and not compiles'

test: lint
	$(PYTEST)

docs: env
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/python -m mkdocs build --strict --quiet

# Apart, as Python's tracing costs half as much again; COVERAGE_CORE=sysmon is cheaper from 3.12 on.
coverage: env
	$(PYTEST) --cov --cov-fail-under=90

fuzz: env
	$(VENV)/bin/python tests/helpers/fuzz_decoder.py $(FILES) $(FIRST)

faults: env
	$(VENV)/bin/python tests/faults $(PARTS)

# On a quiet machine. The numbers lie in BENCH; those of docs/performance are rendered.
bench: demo $(VENV)/.bench-installed
	mkdir -p $(BENCH)
	for suite in $(SUITES); do \
	  case $$suite in predict | startup) model=--model=$(DEMO) ;; *) model= ;; esac; \
	  $(RUN) benchmark $$suite $$model --json=$(BENCH)/$$suite.json || exit 1; done
	MGR_JAX_ONEDNN=0 $(RUN) benchmark train --json=$(BENCH)/train_xla.json
	$(VENV)/bin/python docs/render.py

$(VENV)/.bench-installed: $(VENV)/.installed
	$(VENV)/bin/pip install --quiet --constraint constraints.txt --editable '.[bench]'
	@touch $@

# Needs uv; writes exact versions for every supported Python.
constraints:
	{ head -n 2 constraints.txt; uv pip compile pyproject.toml --universal --python-version 3.11 \
	  --extra tables --extra report --extra tags --extra keras --extra docs --extra test --extra export --no-header \
	  --no-annotate --no-emit-index-url --no-emit-find-links --quiet; } > constraints.new
	mv constraints.new constraints.txt

clean:
	rm -rf runs .cache build dist
