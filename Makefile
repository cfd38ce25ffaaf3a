# Mulgam: from a table to a PyTorch prediction service. `make` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup doctor train tune serve test test-all check docs audit fuzz bench bench-load screenshots drill bench-train images manifests scan clean

# What `make serve PORT=9000` and the like may set; every other setting is a variable MULGAM_* (docs/settings.md).
RECIPE ?=
RESUME ?=
PROMOTE ?=
SIGN_WITH ?=
TRIALS ?= 30
REGISTRY ?= registry
HOST ?= 127.0.0.1
PORT ?= 8000
ADMIN_PORT ?= 8001
BACKEND ?= torchserve
RUNTIME ?= torchscript
DEVICE ?= auto
TORCH_INDEX ?=
# Of `make fuzz` alone: inputs for the decoders, requests for the socket, gRPC calls, examples for each operation of the
# API reference, and the seed that makes them again.
INPUTS ?= 1000000
REQUESTS ?= 100000
CALLS ?= 50000
EXAMPLES ?= 200
SEED ?= 1
# Of `make bench` and `make bench-load`: rounds, seconds for each measurement, models; ONLY names contestants or parts
# (abuse/drip: one kind of a part).
# (Of `make drill` it names drills; none: all.)
ROUNDS ?= 5
SECONDS ?= 2
ONLY ?=
MODELS ?=
# Of `make bench-train` alone: divisions of each table; ONLY names tables, or TABLE/CONTESTANT.
SEEDS ?= 3
# Of `make images` alone: another base image, further words for what builds; ONLY names images.
BASE ?=
BUILD_OPTIONS ?=
# Of `make scan` alone; it has an environment of its own, since it would set back libraries of the others.
CHECKOV := 3.3.30

VENV := .venv
PY := $(VENV)/bin/python
SYSTEM_PYTHON ?= $(shell command -v python3.11 || command -v python3)
READY := $(VENV)/.ready
SERVING := MULGAM_REGISTRY="$(REGISTRY)" MULGAM_HOST="$(HOST)" MULGAM_PORT="$(PORT)" MULGAM_ADMIN_PORT="$(ADMIN_PORT)" \
	MULGAM_BACKEND="$(BACKEND)" MULGAM_RUNTIME="$(RUNTIME)" MULGAM_DEVICE="$(DEVICE)"

##@ First steps

help: ## this list
	@coloured=; if [ -z "$${NO_COLOR:-}" ] && { [ -n "$${FORCE_COLOR:-}" ] || { [ -t 1 ] && [ "$${TERM:-}" != dumb ]; }; }; then \
		coloured=1; fi; \
	awk -v coloured="$$coloured" -F ':.*## ' ' \
		function painted(style, text) { return coloured ? "\033[" style "m" text "\033[0m" : text } \
		/^##@ / { print (group++ ? "\n" : "") painted(1, substr($$0, 5)) } \
		/^[a-z-]+:.*## / { printf "  %s %s\n", painted(32, sprintf("make %-12s", $$1)), $$2 }' Makefile
	@echo
	@echo "Variables, as they are now; make serve PORT=9000 sets one"
	@echo "  training  RECIPE=$(RECIPE) RESUME=$(RESUME) PROMOTE=$(PROMOTE) SIGN_WITH=$(SIGN_WITH) TRIALS=$(TRIALS)"
	@echo "  serving   HOST=$(HOST) PORT=$(PORT) ADMIN_PORT=$(ADMIN_PORT) BACKEND=$(BACKEND) RUNTIME=$(RUNTIME)"
	@echo "  both      REGISTRY=$(REGISTRY) DEVICE=$(DEVICE)"
	@echo "  setup     TORCH_INDEX=$(TORCH_INDEX)"
	@echo "All others of a service: docs/settings.md"

setup: $(READY) ## install everything into .venv (done by the others when needed)

$(READY): pyproject.toml deploy/local/constraints.txt deploy/local/install.py
	@TORCH_INDEX="$(TORCH_INDEX)" $(SYSTEM_PYTHON) deploy/local/install.py --venv $(VENV)
	@touch $@

# Without $(READY): it is asked where an installation went wrong, too.
doctor: ## what hinders a service on this machine, and what to do
	@exec env $(SERVING) "$$([ -x $(PY) ] && echo $(PY) || echo $(SYSTEM_PYTHON))" -m service.doctor

##@ Training

train: $(READY) ## train and publish the default models, or RECIPE="mine.toml …" (RESUME=1, PROMOTE=1, SIGN_WITH=key)
	@exec $(PY) -m model $(RECIPE) --registry "$(REGISTRY)" --device "$(DEVICE)" $(if $(RESUME),--resume) $(if $(PROMOTE),--promote) \
		$(if $(SIGN_WITH),--sign-with "$(SIGN_WITH)")

tune: $(READY) ## better values for the keys of RECIPE=mine.toml, in TRIALS=30; called again, it goes on
	@exec $(PY) -m model.tuning $(RECIPE) --trials "$(TRIALS)" --device "$(DEVICE)"

##@ Serving

serve: $(READY) ## serve the registry over HTTP; trains first where it is empty
	@if [ -z "$$(find "$(REGISTRY)" -mindepth 2 -maxdepth 2 -type d -not -path "$(REGISTRY)/.*" 2>/dev/null | head -1)" ]; then \
		echo "The registry '$(REGISTRY)' is empty: training first."; $(MAKE) --no-print-directory train; fi
	@exec env $(SERVING) $(PY) -m service

##@ Deploying

images: ## build the images by docker, podman or buildah (DEVICE, ONLY, BASE, REGISTRY, BUILD_OPTIONS)
	@exec $(SYSTEM_PYTHON) -m deploy.images --device "$(DEVICE)" --torch-index "$(TORCH_INDEX)" --only "$(ONLY)" \
		--base "$(BASE)" --registry "$(REGISTRY)" --options="$(BUILD_OPTIONS)"

manifests: $(READY) ## render and check every combination of deploy/kubernetes: build/manifests (needs kubectl)
	@$(PY) -c "import kubernetes_validate" 2>/dev/null || $(PY) -m pip install --quiet --disable-pip-version-check \
		--constraint deploy/local/constraints.txt --group manifests
	@exec $(PY) -m deploy.manifests

scan: $(READY) ## checkov over every rendering and Dockerfile (minutes; 290 MB into build/checkov)
	@test -x build/checkov/bin/checkov || { $(SYSTEM_PYTHON) -m venv build/checkov && \
		build/checkov/bin/python -m pip install --quiet --disable-pip-version-check checkov==$(CHECKOV); }
	@exec $(PY) -m deploy.manifests.scanner

##@ Checking

check: $(READY) ## ruff, mypy, import rules, docs
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-logo
	@$(PY) -m pytest -q tests/test_docs.py tests/test_docs_commands.py tests/test_docs_translation.py \
		tests/test_docs_examples.py::test_every_block_is_run_or_marked tests/test_site.py::test_every_page_has_its_place

test: $(READY) ## the tests, the real TorchServe among them (under 8 minutes on 2 cores)
	@exec $(PY) -m tests

test-all: $(READY) ## all tests: `make test` and the slow ones
	@exec $(PY) -m tests --all

audit: $(READY) ## known holes, bandit, secrets, bill of materials (build/sbom.json); SECURITY.md
	@exec $(PY) -m tests.audit

fuzz: $(READY) ## hostile input for decoders, sockets, API reference (INPUTS, REQUESTS, CALLS, EXAMPLES, SEED)
	@exec $(PY) -m tests.fuzz --inputs "$(INPUTS)" --requests "$(REQUESTS)" --calls "$(CALLS)" \
		--examples "$(EXAMPLES)" --seed "$(SEED)"

drill: $(READY) ## inject faults and compare with what is promised (ONLY; needs nginx, root for a small disk)
	@exec $(PY) -m tests.drill --only "$(ONLY)"

bench: $(READY) ## compare with other servers, then bench-load: docs/benchmarks.md (ROUNDS, SECONDS, ONLY; needs wrk)
	@$(PY) -m tests.bench --rounds "$(ROUNDS)" --seconds "$(SECONDS)" --only "$(ONLY)" --models "$(MODELS)"
	@$(if $(ONLY),true,$(MAKE) --no-print-directory bench-load)

bench-load: $(READY) ## Mulgam under load, beside abuse, on two cores: docs/benchmarks-load.md (ROUNDS, SECONDS, ONLY)
	@exec $(PY) -m tests.bench.under_load --rounds "$(ROUNDS)" --seconds "$(SECONDS)" --only "$(ONLY)"

bench-train: $(READY) ## beside others on public tables: docs/training-benchmarks.md (SEEDS, ONLY; hours, goes on)
	@exec $(PY) -m tests.bench.training --seeds "$(SEEDS)" --only "$(ONLY)"

docs: $(READY) ## the documents as a site, for a browser without a network: build/site
	@exec $(PY) -m docs.site

screenshots: $(READY) ## the pictures of the page in docs/images, made anew (needs chromium)
	@exec $(PY) -m tests.browser.screenshots

clean: ## remove caches, runs and the virtual environment; never the registry
	@rm -rf $(VENV) runs build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
