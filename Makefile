# Every target sets up what it needs: a virtual environment with the locked dependencies.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
SOURCE ?= .medgantry/phantoms/demo
DEMO_OVERRIDE := {"epochs": 80, "patch_size": [48, 48, 32], "batch_size": 2, "learning_rate": 0.002, "loss\#_target_": "DiceCELoss"}

.DEFAULT_GOAL := help
.PHONY: help demo run test test-cluster e2e fuzz soak bench check compile lock image-locks base-image images image-tests down up goldens

help:  ## Say what every target does; CI runs `check` and `image-tests`
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-11s %s\n", $$1, $$2}'

$(VENV)/ready: requirements.lock feature-store.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $(VENV)/feature-store/site-packages --requirement feature-store.lock
	touch $@

demo: $(VENV)/ready  ## Phantoms to a served, evaluated, registered model, in one command (`KEEP=--keep` leaves it up)
	$(PY) -m medgantry.phantoms.brain_tumor $(SOURCE) --cases 27 --broken 3 --seed 0
	$(PY) -m pipelines run brain_tumor_segmentation -p source=$(SOURCE) -p shard_mib=8 -p override='$(DEMO_OVERRIDE)' $(KEEP) $(ARGS)

run: $(VENV)/ready  ## A pipeline on your data: make run NAME=brain_tumor_segmentation ARGS='-p source=/data/Task01_BrainTumour'
	$(PY) -m pipelines run $(NAME) $(ARGS)

test: $(VENV)/ready  ## All tests, with real servers, a core to each of up to four runners (CI runs this, through check)
	$(PY) -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

e2e: $(VENV)/ready  ## Only the whole pipelines
	$(PY) -m pytest -m "e2e and not soak"

fuzz: $(VENV)/ready  ## The property tests, 3000 examples each (CI runs them with fewer, in test)
	$(PY) -m pytest -m hypothesis --hypothesis-profile=fuzz

soak: $(VENV)/ready  ## Store away for a minute, runner killed again and again, half an hour of requests (not in CI)
	$(PY) -m pytest -m soak

bench: $(VENV)/ready  ## Each measured stage against a named peer, in the same run; BENCH=B1 for one (not in CI)
	$(PY) -m pip install --quiet --disable-pip-version-check dicom2nifti==2.6.2 dcm2niix==1.0.20260724
	$(PY) -m benchmarks $(BENCH)

check: $(VENV)/ready  ## What CI runs first: format, lint, types, import contracts, goldens, tests
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(PY) -m pipelines compile --out dist
	$(MAKE) test

compile: $(VENV)/ready  ## Components and pipelines as YAML in dist/
	$(PY) -m pipelines compile --out dist

goldens: $(VENV)/ready  ## Record anew what is compiled and what the library is, after a wanted change (not in CI)
	$(PY) -m pipelines compile --out dist && mkdir -p tests/goldens/pipelines && cp dist/pipelines/*.yaml tests/goldens/pipelines/
	$(PY) -m tests.pipelines.test_library_version

lock: ## Resolve pyproject's ranges anew into requirements.lock (not in CI)
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet '.[authoring,dicom,train,track,serve,cluster,stack,dev]'
	{ echo '# Made by `make lock` from the ranges in pyproject.toml.'; .venv-lock/bin/pip freeze --all --exclude pip --exclude medgantry | sed 's/^torch==\([0-9.]*\)+cpu$$/torch==\1/'; } > requirements.lock
	rm -rf .venv-lock

image-locks: $(VENV)/ready  ## Write the images' locks after a change of requirements.lock (not in CI)
	$(PY) -m images.locks

base-image:  ## A base for the images from Debian's packages, without a registry (needs root and mmdebstrap; CI)
	PYTHONPATH=src $(PYTHON) -m images.base $(MIRROR)

test-cluster: $(VENV)/ready  ## Launchers, deployment and manifests on the API server of KUBECONFIG (CRDs, no operators; not in CI)
	MEDGANTRY_TEST_KUBECONFIG="$${KUBECONFIG:?name a kubeconfig of an administrator}" $(PY) -m pytest -m "cluster or not cluster" \
	  tests/cluster tests/medgantry/training/launchers/test_cluster_job.py tests/medgantry/serving/test_kserve.py

images:  ## Build the container images; images/README.md says how where there is no registry (CI: image-tests)
	PYTHONPATH=src $(PYTHON) -m images.build

image-tests: $(VENV)/ready  ## Build the images and run them as a cluster would (CI, after check)
	$(PY) -m pytest -m images

up: $(VENV)/ready  ## Start the stack and what was deployed, until `make down`
	$(PY) -m pipelines up

down: $(VENV)/ready  ## Stop what `up` or `--keep` left running
	$(PY) -m pipelines down
