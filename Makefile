# `make` lists the targets. Nothing is needed but Python 3.11 or newer and make; PYTHON=/path/to/python chooses one.
# FILES: what `make demo` uploads instead of its samples.
.DEFAULT_GOAL := help
export SAM_CLI_TELEMETRY = 0
export PYTHON FILES ONLY BESIDE PIPS

BIN = .venv/bin
SAM = .local/venv/sam/bin/sam
UV = .local/venv/uv/bin/uv
SIMULATION = HISTORIES=$(HISTORIES) SEED=$(SEED) WORKERS=$(WORKERS) PYTHONPATH=.:layers/textdrop:tests $(BIN)/python -m simulation

.PHONY: help setup up down status demo test simulate mistakes crashes mutation pips corpus hostile soak archive bill upgrade bench lint types imports template checkov format build deploy package requirements logs clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name what; do printf '  make %-13s %s\n' "$$name" "$$what"; done

setup: ## make or update the virtual environments
	@sh local/setup.sh

demo: setup ## upload samples (or FILES="a.pdf scans/*.jpg") to the local stack and show their text
	@$(BIN)/python -m local.demo -- $(FILES)

up: setup ## start the local stack and deploy into it; on a running one, deploy what changed
	@$(BIN)/python -m local.stack up

down: ## end the local stack
	@[ ! -x $(BIN)/python ] || $(BIN)/python -m local.stack down

status: ## show what runs of the local stack, and what is in flight
	@[ ! -x $(BIN)/python ] && echo "nothing is set up: make demo, or make up" || $(BIN)/python -m local.stack status

logs: setup ## follow the logs of the functions and the OCR service on the local stack, until Ctrl-C
	@$(BIN)/python -m local.logs

test: setup ## run all checks: lint, types, import rules, template, all tests
	@$(MAKE) --no-print-directory --jobs=2 lint types imports template checkov
	@$(BIN)/python -m pytest --numprocesses=2

simulate: setup ## random histories with faults: HISTORIES=100000 SEED=1 WORKERS=2
	@$(SIMULATION)

mistakes: setup ## plant each known mistake, one at a time, and check that the simulation finds it
	@$(SIMULATION).mistakes

crashes: setup ## fail every pair of calls of submit and deliver
	@$(SIMULATION).crash_pairs

mutation: setup ## change one module in many small ways and count the changes that no test notices: ONLY=core/quota.py
	@tests/mutation.sh $(ONLY)

pips: ## build the dependencies' layers with older versions of pip, which are downloaded: PYTHON=python3.9 PIPS="21.0 24.0"
	@tests/pips.sh

soak: setup ## test a local stack whose calls fail and whose processes are killed: DOCUMENTS=500 SEED=1
	@DOCUMENTS=$(DOCUMENTS) SEED=$(SEED) PYTHONPATH=.:layers/textdrop:tests $(BIN)/python -m soak

bill: setup ## UPLOADS=1000 at once with a cap of half as many pages a day, then the next day
	@UPLOADS=$(UPLOADS) PYTHONPATH=.:layers/textdrop:tests $(BIN)/python -u -m bill

archive: setup ## as an operator: a bucket with OBJECTS=1000 is backfilled, watched, retried, cancelled, deleted and fetched
	@OBJECTS=$(OBJECTS) PYTHONPATH=.:layers/textdrop:tests $(BIN)/python -u -m archive

upgrade: setup ## deploy this checkout over a stack of an earlier commit with work in flight: FROM=fcb47db
	@FROM=$(FROM) PYTHONPATH=.:layers/textdrop:tests $(BIN)/python -m upgrade

corpus: setup ## compare what is sent of some 1,600 public PDFs with what two viewers show: ONLY=qpdf/
	@PYTHONPATH=.:layers/textdrop:tests $(BIN)/python -m corpus

hostile: setup ## open hostile files, each within bounds of time and memory, beside honest ones: ONLY=jpeg/
	@PYTHONPATH=.:layers/textdrop:tests $(BIN)/python -m hostile

bench: setup ## measure, and print tables for docs/performance.md: ONLY="latency cost", BESIDE=../another-checkout
	@PYTHONPATH=.:layers/textdrop:tests $(BIN)/python -m benchmarks

lint: setup
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

types: setup
	@$(BIN)/mypy

imports: setup
	@PYTHONPATH=.:layers/textdrop $(BIN)/lint-imports

template: setup
	@AWS_DEFAULT_REGION=eu-central-1 $(SAM) validate --lint

checkov: setup ## check the template's security; reasons for exceptions are in its Metadata
	@sh local/setup.sh checkov
	@PYTHONPATH=.:tests $(BIN)/python -m template.resolved .local/checkov
	@.local/venv/checkov/bin/checkov --directory .local/checkov --framework cloudformation --compact --quiet --skip-download

format: setup ## format the sources and mend what ruff can
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

build: setup ## build for AWS into .aws-sam, with bytecode if a python3.13 is at hand
	@rm -rf functions/*/__pycache__
	@UV="$(CURDIR)/$(UV)" $(SAM) build

deploy: build ## build and deploy to the AWS account that the shell is signed in to; asks for parameters the first time
	@$(SAM) deploy --no-fail-on-empty-changeset $$([ -f samconfig.toml ] && echo --confirm-changeset || echo --guided --stack-name textdrop)

package: build ## build into dist what the aws command can deploy without sam, for both processors
	@$(BIN)/python -m local.package

requirements: setup ## compile the requirement files from pyproject.toml again; UPGRADE=1 takes the newest versions
	@$(BIN)/python local/requirements/compile.py $(if $(UPGRADE),--upgrade)

clean: down ## remove everything that was made here: environments, state, builds, caches
	@rm -rf .venv .local .aws-sam dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
