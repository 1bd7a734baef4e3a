# Everything sets itself up: a machine needs python3 (3.11 or newer) and make.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready-for
CLIENTS := .venv-clients
DIFFUSERS := .venv-diffusers
GPU := .venv-gpu
# What the tests were tried with. Named, and installed before all else: their environment takes a
# build for CPUs where the machine has one, and pip then leaves it; other builds bring gigabytes.
TORCH ?= torch==2.13.0
# Where it is set, as images of containers do, each of a thousand servers that tests start would
# compile all modules anew, and each run of pytest all tests.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo demo-cluster console-pictures camera-gallery serve test test-quick test-slow test-fleet
.PHONY: test-console test-diffusers check check-console install-check bench bench-gpu chaos chaos-cluster flight siege clean

demo: $(STAMP)-use
	$(BIN)/python examples/demo.py

# A video through a small fleet on this machine: PostgreSQL, S3, two gateways, a worker.
demo-cluster: $(STAMP)-development
	PYTHONPATH=. $(BIN)/python examples/demo_cluster.py

# The console's pictures in docs/images: look at them before they are committed.
console-pictures: $(STAMP)-development
	PYTHONPATH=. $(BIN)/python examples/console_pictures.py

# What the built-in engine makes, in docs/images: look at it before it is committed.
camera-gallery: $(STAMP)-use
	$(BIN)/python examples/camera_gallery.py

serve: $(STAMP)-use
	$(BIN)/unstill serve

test: $(STAMP)-development
	$(BIN)/pytest -m "not slow and not fleet and not console"

# Campaigns of kills and faults, other people's clients, browsers, the documents' commands.
test-slow: $(STAMP)-development $(CLIENTS)/.ready
	$(BIN)/pytest -m "slow and not fleet and not console"

# Fleets, and the suites of stores and files on a PostgreSQL and an S3 that the tests start.
test-fleet: $(STAMP)-development
	$(BIN)/pytest -m fleet -n 2

# The page at `/` in a real browser, before real servers; skipped where chromium lacks.
test-console: $(STAMP)-development
	$(BIN)/pytest tests/console -n 2

# Open models, as tiny folders of random weights on the CPU: tests/diffusers.
test-diffusers: $(DIFFUSERS)/.ready
	OMP_NUM_THREADS=1 TESTS_NEED_TORCH=1 $(DIFFUSERS)/bin/pytest tests/diffusers

# What a change is most likely to break, in under two minutes on two cores.
test-quick: $(STAMP)-development
	$(BIN)/pytest tests/unit tests/contract tests/golden -m "not slow and not long and not fleet"

check: $(STAMP)-development
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

# The page's own JavaScript and CSS; skipped where node or npm lacks.
check-console:
	tests/console/check.sh

# As a person installs it: without constraints, on each Python of the classifiers that is here.
install-check:
	$(PYTHON) tests/install/check.py

bench: $(STAMP)-development
	$(BIN)/python -m benchmarks.all

# Full-size models with random weights on this machine's GPU, in five minutes.
bench-gpu: $(GPU)/.ready
	$(GPU)/bin/python -m benchmarks.gpu --write

# Faults of every kind at emulated upstreams, and kills of the server: nothing may be paid twice.
chaos: $(STAMP)-development
	$(BIN)/python -m benchmarks.chaos
	$(BIN)/python -m benchmarks.chaos_put_back
	$(BIN)/python -m benchmarks.chaos_put_back --without-notes

# The same of a fleet: processes, their network, the database and the bucket fail in turn.
chaos-cluster: $(STAMP)-development
	$(BIN)/python -m benchmarks.chaos_cluster

# 100,000 jobs in flight on one emulated upstream.
flight: $(STAMP)-development
	$(BIN)/python -m benchmarks.flight

# An honest caller beside hostile ones, load by load.
siege: $(STAMP)-development
	$(BIN)/python -m benchmarks.siege --write

clean:
	rm -rf .venv $(CLIENTS) $(DIFFUSERS) $(GPU) build demo tests/*/node_modules

# `constraints.txt` pins what was tested together; it names versions, never addresses.
# --no-compile: of the thousands of modules in environments for tests, most are never imported.
$(STAMP)-use: pyproject.toml constraints.txt
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/pip install -q -c constraints.txt -e .
	touch $@

$(STAMP)-development: pyproject.toml constraints.txt
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/pip install -q --no-compile -c constraints.txt -e '.[dev]'
	touch $@ $(STAMP)-use

# Clients that tests drive: providers' own, and those that need an older `openai` than `.venv` has.
$(CLIENTS)/.ready: constraints-clients.txt
	test -d $(CLIENTS) || $(PYTHON) -m venv $(CLIENTS)
	$(CLIENTS)/bin/pip install -q --no-compile -c constraints-clients.txt litellm openai requests \
		fal-client openrouter volcengine-ark-runtime
	touch $@

# Apart from `.venv`, so that the other tests see what a plain installation has.
$(DIFFUSERS)/.ready: pyproject.toml constraints.txt
	test -d $(DIFFUSERS) || $(PYTHON) -m venv $(DIFFUSERS)
	$(DIFFUSERS)/bin/pip install -q --no-compile $(TORCH)
	$(DIFFUSERS)/bin/pip install -q --no-compile -c constraints.txt -e '.[dev,diffusers]'
	touch $@

# The newest torch, which on Linux is one for CUDA.
$(GPU)/.ready: pyproject.toml constraints.txt
	test -d $(GPU) || $(PYTHON) -m venv $(GPU)
	$(GPU)/bin/pip install -q -c constraints.txt -e '.[diffusers]'
	touch $@
