# Everything sets itself up: a machine needs python3 (3.11 or newer) and make.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready-for

.PHONY: demo serve test check bench clean

demo: $(STAMP)-use
	$(BIN)/python examples/demo.py

serve: $(STAMP)-use
	$(BIN)/unstill serve

test: $(STAMP)-development
	$(BIN)/pytest

check: $(STAMP)-development
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)-development
	$(BIN)/python -m benchmarks.all

clean:
	rm -rf .venv build demo

# `constraints.txt` pins what was tested together; it names versions, never addresses.
$(STAMP)-use: pyproject.toml constraints.txt
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/pip install -q -c constraints.txt -e .
	touch $@

$(STAMP)-development: pyproject.toml constraints.txt
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/pip install -q -c constraints.txt -e '.[dev]'
	touch $@ $(STAMP)-use
