# Everything runs in .venv, made on the first call. Needs python3 (3.11, 3.12 or 3.13) and make.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
DEMO   ?= demo
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest  # one thread for each of the processes
PIP    := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.PHONY: setup web demo format check test test-all bench docs clean

setup: $(VENV)/.installed web

# torch first and pinned: a range would let pip fetch the newest CUDA build before it meets the constraint.
$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "Python 3.11, 3.12 or 3.13 is needed, $(PYTHON) is $$($(PYTHON) --version). Call: make PYTHON=python3.12" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --constraint constraints.txt torch
	$(PIP) --constraint constraints.txt --editable '.[dicom,dicom-seg,h5,mha,nrrd,raters,review,slurm,dev]'
	@touch $@

# The page of `alcseg review`, bundled into the package. Without Node.js everything else works, and the verb says what is missing.
PAGE := src/alcseg/reviewing/static/index.html
web: $(PAGE)
$(PAGE): $(wildcard web/*.js* web/index.html web/src/*)
	@if command -v npm > /dev/null; then cd web && npm ci --no-fund --no-audit --loglevel=error && npm run --silent build; \
	  else echo "No Node.js: the page of alcseg review is not built."; fi

# nnU-Net only checks our output in a test. Its own dependencies would replace torch, hence --no-deps.
$(VENV)/.integrity: requirements-integrity.txt $(VENV)/.installed
	$(PIP) --no-deps --requirement requirements-integrity.txt
	@touch $@

$(VENV)/.docs: $(VENV)/.installed
	$(PIP) --constraint constraints.txt --editable '.[docs]'
	@touch $@

demo: setup
	$(BIN)/alcseg demo --out $(DEMO) --overwrite

format: setup
	$(BIN)/ruff check --fix src tests benchmarks
	$(BIN)/ruff format src tests benchmarks

check: setup
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell src tests benchmarks findings results docs README.md CONTRIBUTING.md CHANGELOG.md Makefile pyproject.toml

# No training may follow OpenVINO in one process.
test: $(VENV)/.integrity
	$(PYTEST)
	$(PYTEST) -m openvino -n 0 tests/inference

test-all: $(VENV)/.integrity
	$(PYTEST) -m "not network and not openvino"
	$(PYTEST) -m openvino -n 0 tests/inference

# Ours beside its peers, into results/performance.md; minutes.
bench: setup
	$(BIN)/python -W ignore benchmarks/speed

docs: $(VENV)/.docs
	$(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) site build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
