# `make demo` and `make test` set everything up on a machine that has Python 3.11-3.13 and make; a second call skips the set-up.
PYTHON ?= python3
VENV   ?= .venv
READY  := $(VENV)/.ready
BIN    := $(VENV)/bin

.PHONY: demo test lint lab dashboard bench docs clean
demo: $(READY)
	$(BIN)/cdm demo --weeks --score

test: $(READY)
	$(BIN)/ruff check cdmlib dashboards tests bench
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: $(READY)
	$(BIN)/ruff check --fix cdmlib dashboards tests bench
	$(BIN)/ruff format --check cdmlib tests bench

lab: $(READY)
	$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/notebooks

dashboard: $(READY)
	$(BIN)/cdm dashboard --as $(or $(CDM_USER),lead.one)

bench: $(READY)
	for f in bench/bench_*.py; do $(BIN)/python $$f || exit 1; done

docs: $(READY)
	$(BIN)/python -m cdmlib.docs

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"Python 3.11, 3.12 or 3.13 must be used; this is {v[0]}.{v[1]}. Try: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	$(BIN)/python -m compileall -q -j 0 $(VENV)/lib cdmlib
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache
