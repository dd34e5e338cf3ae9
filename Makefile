# Every target does its own set-up. What is needed: Python 3.11+, a Rust toolchain, the package indexes.
PYTHON ?= python3
BIN := .venv/bin
export CARGO_TERM_PROGRESS_WHEN ?= never

.PHONY: setup demo test test-system check bench docs clean

# The environment is made once and made again when the project file changes.
.venv/ready: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --upgrade pip uv
	$(BIN)/uv pip install -q --python $(BIN)/python "maturin>=1.9,<2"
	touch $@

# The extension is built in place; cargo decides what has to be compiled again.
setup: .venv/ready
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/maturin develop --uv --release --quiet --extras dev,hf,sample

demo: setup
	bash configs/demo.sh

test: setup
	cargo test -p rotext
	$(BIN)/python -m pytest

# Tests that need programs from outside. Nothing needs one yet; the target says so instead of failing.
test-system: setup
	@echo "no test needs an outside program yet"

check: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	$(BIN)/ruff check python tests benches
	$(BIN)/ruff format --check python tests benches
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m mypy.stubtest rotools._rotext
	$(BIN)/python docs/check_links.py

bench:
	cargo bench

docs: setup
	$(BIN)/python docs/check_links.py
	cargo doc --no-deps -p rotext

clean:
	rm -rf .venv target demo
