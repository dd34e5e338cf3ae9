# Every target does its own set-up. What is needed: Python 3.11+, a Rust toolchain, the package indexes.
PYTHON ?= python3
BIN := .venv/bin
export CARGO_TERM_PROGRESS_WHEN ?= never
# Where this is set, each of the many processes of the tests and the demo compiles the files of PyTorch again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo test test-faults fuzz test-system check wheel bench bench-compare docs clean

# The environment is made once and made again when the project file changes.
.venv/ready: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --upgrade pip uv
	$(BIN)/uv pip install -q --python $(BIN)/python "maturin>=1.9,<2"
	touch $@

# The extension is built in place; cargo decides what has to be compiled again.
setup: .venv/ready
	@ls python/rotools/_rotext*.so >/dev/null 2>&1 || echo "packages first; then the core is compiled, in silence, for some minutes"
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/maturin develop --uv --release --quiet --extras dev,docs,train,books,gguf,hf,sample

demo: setup
	bash configs/demo.sh

# Files of tests go to as many processes as there are cores; at most four, for the memory that PyTorch takes in each.
# Their threads outnumber the cores: one that waits sleeps, it does not spin (247 s for 293).
PYTEST := OMP_WAIT_POLICY=passive $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile
test: setup
	cargo test -p rotext
	$(PYTEST) $(addprefix --ignore=,$(SYSTEM))
	OMP_WAIT_POLICY=passive $(BIN)/python -m pytest --doctest-modules python/rotrain

# All injected faults, kills and damaged files: hours on two cores. What is random prints its seed; FAULTS_SEED=N repeats it.
FAULTY := tests/faults tests/rotools/test_corruption.py tests/rotrain/test_run_corruption.py tests/rotrain/test_kill.py
test-faults: setup
	FAULTS=all $(PYTEST) -rP $(FAULTY)

# Each parser in turn, FUZZ_MINUTES long: those of Rust with cargo-fuzz (a nightly compiler), those of Python without.
FUZZ_MINUTES ?= 30
fuzz: setup
	FUZZ_MINUTES=$(FUZZ_MINUTES) $(PYTEST) -rP tests/faults/test_fuzzed_readers.py
	for target in $$(cargo fuzz list); do cargo +nightly fuzz run $$target -- -max_total_time=$$(($(FUZZ_MINUTES) * 60)) || exit 1; done

SYSTEM := tests/rotrain/test_mamba_ssm.py tests/rotrain/test_kernel_signatures.py tests/rotrain/test_harness.py \
	tests/rotrain/test_inductor_kernels.py tests/rotrain/test_stock_circle.py tests/rotrain/test_gpu_check_system.py tests/rotrain/test_report_browser.py \
	tests/rotools/test_ray.py tests/rotools/test_bucket_system.py tests/rotools/test_books_system.py tests/test_package_system.py tests/test_tutorials_system.py

# Tests that need programs from outside; what is missing is skipped and named. On Debian: apt-get install chromium
# texlive-latex-base texlive-latex-recommended texlive-lang-european lmodern tesseract-ocr tesseract-ocr-ron
# (libreoffice-writer-nogui where it is wanted). The lm-evaluation-harness, Ray (two nodes on this machine) and a
# server of S3 are fetched. mamba-ssm's Triton kernels run in Triton's interpreter on a CPU: only its Python files are taken (20 s), and
# not into the environment, for its dependencies are for GPUs.
MAMBA := target/mamba-ssm
$(MAMBA)/mamba_ssm: .venv/ready
	MAMBA_SKIP_CUDA_BUILD=TRUE MAMBA_FORCE_BUILD=TRUE $(BIN)/uv pip install -q --python $(BIN)/python \
		--target $(MAMBA) --no-deps --no-build-isolation "mamba-ssm==2.3.2.post1" einops packaging

# Of flash-attn only the signatures are read.
FLASH := target/flash-attn
$(FLASH)/flash_attn: .venv/ready
	FLASH_ATTENTION_SKIP_CUDA_BUILD=TRUE $(BIN)/uv pip install -q --python $(BIN)/python \
		--target $(FLASH) --no-deps --no-build-isolation --no-binary flash-attn "flash-attn>=2.8,<3"

# The transformers before the present one: exported folders must work there too.
OLDER := target/transformers-4
$(OLDER)/ready: .venv/ready
	$(BIN)/uv venv -q --clear --python $(BIN)/python $(OLDER)
	$(BIN)/uv pip install -q --python $(OLDER)/bin/python "transformers==4.57.*" torch accelerate peft
	touch $@

test-system: setup wheel $(MAMBA)/mamba_ssm $(FLASH)/flash_attn $(OLDER)/ready
	$(BIN)/uv pip install -q --python $(BIN)/python "lm-eval>=0.4.9" "ray[data]>=2.50" "moto[server]>=5" boto3
	PYTHON_TRANSFORMERS_4=$(OLDER)/bin/python $(PYTEST) -rs $(SYSTEM)

# A wheel for every Python from 3.11 on (abi3), and a source distribution.
wheel: .venv/ready
	rm -rf dist
	$(BIN)/maturin build --release --strip --quiet --out dist
	$(BIN)/maturin sdist --out dist

# cargo-deny is compiled once (some minutes) where it is not installed.
DENY := $(or $(shell command -v cargo-deny),target/tools/bin/cargo-deny)
target/tools/bin/cargo-deny:
	cargo install --quiet --locked --debug --root target/tools cargo-deny

check: setup $(DENY)
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	$(DENY) --log-level error check licenses bans sources
	$(BIN)/python .ci/licences.py
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	MYPYPATH=tests/rotools $(BIN)/mypy --ignore-missing-imports benches/compare
	MYPYPATH=benches $(BIN)/mypy --ignore-missing-imports benches/gpu_check.py benches/gpu_parts.py
	$(BIN)/lint-imports
	$(BIN)/python -m mypy.stubtest rotools._rotext
	$(BIN)/python .ci/check_links.py

# Known defects of dependencies. Both databases are on the network, so this is no part of `check`.
audit: setup $(DENY)
	$(DENY) check advisories
	$(BIN)/python -m pip_audit --version >/dev/null 2>&1 || $(BIN)/python -m pip install --quiet pip-audit || uv pip install --quiet --python $(BIN)/python pip-audit
	$(BIN)/python -m pip_audit

bench:
	cargo bench

# The peers, each in the run of ours. TEXT is a corpus folder with web.jsonl and books.jsonl (plain or .zst).
CORPUS ?= ../shared/corpus
PEERS := target/peers
bench-compare: setup
	test -x $(PEERS)/bin/python || $(BIN)/uv venv -q $(PEERS)
	$(BIN)/uv pip install -q --python $(PEERS)/bin/python gigatoken gigabpe tokenizers ftfy numpy awkward zstandard \
		"datatrove[io,processing]" spacy rensa datasketch orjson pdftext pypdf pdfminer.six litgpt
	$(PEERS)/bin/python benches/compare/inflate.py --mb 512 --out target/compare.jsonl --corpus $(CORPUS)
	$(BIN)/rotools tokenizer train target/compare.jsonl --out target/compare-tokenizer.json --quiet
	$(BIN)/python benches/compare/encode.py target/compare.jsonl --tokenizer target/compare-tokenizer.json --peers $(PEERS)/bin/python
	$(BIN)/python benches/compare/train.py target/compare.jsonl --peers $(PEERS)/bin/python
	$(BIN)/python benches/compare/pack.py target/compare.jsonl --tokenizer target/compare-tokenizer.json --mb 256 512
	$(BIN)/python benches/compare/dedup.py target/compare.jsonl --peers $(PEERS)/bin/python
	$(BIN)/python benches/compare/books.py --corpus $(CORPUS) --peers $(PEERS)/bin/python
	$(BIN)/python benches/compare/train_step.py --peers $(PEERS)/bin/python
	$(BIN)/python benches/compare/mixers.py
	rm -rf target/compare-pack
	$(BIN)/rotools pack --phase web=target/compare.jsonl --tokenizer target/compare-tokenizer.json --out target/compare-pack --quiet
	$(BIN)/python benches/compare/step_parts.py --data target/compare-pack

# The site, in target/site: pages, commands, Python and Rust API. A warning is an error.
docs: setup
	$(BIN)/python .ci/check_links.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	RUSTDOCFLAGS="-D warnings" cargo doc --quiet --no-deps -p rotext
	cp -r target/doc target/site/rust

clean:
	rm -rf .venv target demo dist
