# Cuepoint. `make` lists the targets.
BIN := .venv/bin
STAMP := .venv/.installed
BENCH_STAMP := .venv-bench/.installed
OLDER_STAMP := .venv-duckdb15/.installed

.PHONY: help demo test chaos bench bench-analysts bench-large soak rhythm lint broker clean

help: ## List the targets
	@sed -n 's/^\([a-z.-]*\):.*## \(.*\)/  make \1 \t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: $(STAMP) ## Replay real history through the whole pipeline; DATA=<folder> names the history
	$(BIN)/cuepoint demo $(if $(DATA),--data "$(DATA)",--look-in data --look-in ../shared/data)

test: $(STAMP) $(OLDER_STAMP) ## All tests, two at a time (WORKERS=<n>), then lint
	$(BIN)/pytest -n $(or $(WORKERS),2) --dist loadfile
	@$(MAKE) --no-print-directory lint

chaos: $(STAMP) ## Kill, stop and disturb it: all fault scenarios and SEEDS=<n> seeds (20); goes on where it was broken off
	$(BIN)/python -m tests.faults.chaos --seeds $(or $(SEEDS),20)

bench: $(STAMP) $(BENCH_STAMP) ## Cuepoint measured, beside other engines too (under an hour; QUICK=1: minutes; ONLY=<group>, see python -m benchmarks --help)
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS))

bench-analysts: $(STAMP) ## Decisions through the sink's writer, publications and every mart, by size (up to ten million)
	$(BIN)/python -m benchmarks.analysts

bench-large: $(STAMP) ## Ten million customers on one worker with RocksDB (60 GB of disk; CUSTOMERS=<n>)
	$(BIN)/python -m benchmarks.pipeline.large $(if $(CUSTOMERS),--customers $(CUSTOMERS))

soak: $(STAMP) $(BENCH_STAMP) ## Half an hour at half of the measured maximum, a kill every five minutes (MINUTES=<n>)
	$(BIN)/python -m benchmarks.soak $(if $(MINUTES),--minutes $(MINUTES))

rhythm: $(STAMP) ## Check "late by own rhythm" on real histories; the figures go to docs/rhythm.md (DATA=<folder>)
	$(BIN)/python -m benchmarks.rhythm $(if $(DATA),--data "$(DATA)")

lint: $(STAMP) ## Style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

broker: $(STAMP) ## Start a local Kafka and leave it running (stop it with: .venv/bin/cuepoint broker stop)
	$(BIN)/cuepoint broker start

clean: ## Remove the environment and caches; keep data/, out/ and var/
	rm -rf .venv .venv-bench .venv-duckdb15 build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv: $(STAMP) ## Python environment with the pinned dependencies (every other target makes it when it has to)

$(STAMP): requirements-dev.txt pyproject.toml
	@for python in python3.11 python3; do \
	    "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; python=; \
	done; \
	if [ -z "$$python" ]; then \
	    echo "Cuepoint needs Python 3.11 or newer as python3.11 or python3 on PATH; install it (Debian: python3 python3-venv)." >&2; \
	    exit 1; \
	fi; \
	echo "Making .venv with $$("$$python" --version)"; \
	"$$python" -m venv .venv || { echo "python -m venv failed; install it (Debian: python3-venv)." >&2; exit 1; }
	@echo "Installing the pinned dependencies"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@echo "Installing cuepoint from this folder"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

$(BENCH_STAMP): requirements-bench.txt | $(STAMP)
	@echo "Installing the engines to compare with in .venv-bench"
	@$(BIN)/python -m venv --clear .venv-bench && \
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.txt && \
	touch $@ || echo "The other engines could not be installed; their rows will say NOT RUN." >&2

$(OLDER_STAMP): requirements-duckdb15.txt | $(STAMP)
	@echo "Installing DuckDB 1.5 in .venv-duckdb15, which opens snapshots in the tests"
	@$(BIN)/python -m venv --clear .venv-duckdb15 && \
	.venv-duckdb15/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-duckdb15.txt && \
	touch $@ || echo "DuckDB 1.5 could not be installed; its tests will say NOT RUN." >&2
