# Everything a person or CI does with Slipway. `make help` lists it.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh
export NEXT_TELEMETRY_DISABLED := 1
# Empty, because containers often set it. Python would then compile pytest and all packages anew at each start.
export PYTHONDONTWRITEBYTECODE :=

PYTHON ?= python3
VENV := .venv
BENCH_VENV := .venv-bench
# Called in backend/ or bench/: relative paths, so that the project may lie in a folder with spaces.
UV := UV_PYTHON_DOWNLOADS=never ../.boot/bin/uv
# --clear: a half-made environment, or one whose Python is gone, is made anew.
MAKE_VENV = .boot/bin/uv venv --quiet --clear --no-python-downloads --python "$$(command -v $(PYTHON))"
IN_BACKEND := cd backend && ../$(VENV)/bin

PAGE_SOURCES := $(shell find frontend/src frontend/scripts -type f 2>/dev/null) \
	frontend/next.config.ts frontend/postcss.config.mjs frontend/tsconfig.json

.PHONY: help
help: ## One line for each target
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## Install what is missing, build the page, migrate, start everything on this machine
	@scripts/can_run.sh
	@$(MAKE) --no-print-directory $(VENV)/.runtime page
	@echo "Starting Slipway ..."
	@exec $(VENV)/bin/slipway serve --upgrade

.PHONY: run-scaled
run-scaled: tools install page ## For a look: two apps and two workers on PostgreSQL and Ceph behind a proxy; keeps nothing
	@exec $(VENV)/bin/python scripts/run_scaled.py

.PHONY: test
test: tools install page gallery ## Everything: unit, contract, API, browser; ends with a line that counts
	@$(VENV)/bin/python scripts/run_tests.py

.PHONY: test-quick
test-quick: install ## The backend on SQLite without browser and real engines, and the page's unit tests
	@$(VENV)/bin/python scripts/run_tests.py --quick

.PHONY: test-browsers
test-browsers: tools install page ## Every upload story in Chromium, Firefox and WebKit, into docs/reference/browsers.md
	cd backend && SLIPWAY_TEST_BROWSERS=all ../$(VENV)/bin/pytest -q tests/browser/test_stories.py

.PHONY: tools
tools: ## Get what only the tests need: four browsers, ffmpeg, PostgreSQL, PgBouncer, Redis, Ceph RGW, promtool and others
	@scripts/tools.sh

.PHONY: check
check: install frontend/wasm/node_modules/.installed ## Format, lint, types, import layers, generated files up to date
	$(IN_BACKEND)/ruff format --check .
	$(IN_BACKEND)/ruff check .
	$(VENV)/bin/ruff format --check --config backend/pyproject.toml bench scripts
	$(VENV)/bin/ruff check --config backend/pyproject.toml bench scripts
	$(IN_BACKEND)/mypy
	$(IN_BACKEND)/lint-imports --config pyproject.toml
	scripts/check_generated.sh
	$(VENV)/bin/python scripts/prose.py
	cd frontend && npm run --silent check

.PHONY: format
format: install ## Format all code
	$(IN_BACKEND)/ruff check --fix --quiet . || true
	$(IN_BACKEND)/ruff format --quiet .
	$(VENV)/bin/ruff check --fix --quiet --config backend/pyproject.toml bench scripts || true
	$(VENV)/bin/ruff format --quiet --config backend/pyproject.toml bench scripts
	cd frontend && npm run --silent format

.PHONY: api
api: install ## Regenerate openapi.json, the page's types and the API reference from the code
	$(VENV)/bin/slipway openapi > openapi.json
	$(VENV)/bin/python scripts/api_page.py
	cd frontend && npm run --silent api

.PHONY: dist
dist: install page ## Build the wheel, with the page inside, into dist/
	@scripts/dist.sh

.PHONY: sbom
sbom: install ## Write a CycloneDX list of every locked package of backend and page into sbom/
	@$(VENV)/bin/python scripts/sbom.py

.PHONY: asvs
asvs: install ## Rewrite docs/reference/asvs.md from backend/tests/security/asvs.toml
	@$(VENV)/bin/python scripts/asvs_page.py

.PHONY: wasm
wasm: frontend/wasm/node_modules/.installed ## Compile the engine's MD5 to WebAssembly, which `make check` compares
	cd frontend/wasm && node build.mjs

.PHONY: pictures
pictures: tools install gallery ## Draw every state of the page from the gallery, for the tests and docs/images
	@$(VENV)/bin/python scripts/pictures.py

.PHONY: engines
engines: tools install ## Rewrite docs/reference/storage-engines.md from the contract suite's results
	cd backend && SLIPWAY_WRITE_STORAGE_PAGE=1 ../$(VENV)/bin/pytest -q tests/contract/test_object_storage.py tests/contract/test_storage_page.py

.PHONY: bench
bench: tools install page $(BENCH_VENV)/.installed ## The side-by-side measurements
	@$(VENV)/bin/python bench/run.py

.PHONY: campaign
campaign: tools install page ## The long campaign (hours), into docs/reference/guarantees.md; ONLY=kills for a part, SLIPWAY_SEED to replay
	@$(VENV)/bin/python scripts/campaign.py --only "$(ONLY)"

.PHONY: long-upload
long-upload: tools install page ## An upload of 2 GiB in each browser that survives an outage, a reset, expired URLs and a killed store
	cd backend && ../$(VENV)/bin/pytest -q -s --timeout=0 tests/browser/long_upload.py

.PHONY: lock
lock: .boot/.installed ## Pin the newest allowed versions, with hashes and without addresses
	cd backend && for pair in "pyproject.toml requirements.txt" "requirements-dev.in requirements-dev.txt"; do \
		set -- $$pair; ../.boot/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
			--generate-hashes --no-emit-index-url --no-header "$$1" -o "$$2"; done
	cd bench && ../.boot/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header requirements.in -o requirements.txt
	cd frontend && npm update --package-lock-only && npm ci --dry-run >/dev/null

.PHONY: clean
clean: ## Remove what was installed and built; the data folder stays
	rm -rf .boot $(VENV) $(BENCH_VENV) frontend/node_modules frontend/wasm/node_modules frontend/.next frontend/out frontend/gallery test-results

.PHONY: install page gallery
install: $(VENV)/.dev frontend/node_modules/.installed
page: frontend/out/.built
gallery: frontend/gallery/.built

.boot/.installed: backend/requirements-boot.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Slipway needs Python 3.11 or newer; name one: make PYTHON=python3.12 ...")'
	@echo "Getting uv ..."
	@rm -rf .boot && $(PYTHON) -m venv .boot
	@.boot/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(VENV)/.runtime: .boot/.installed backend/requirements.txt backend/pyproject.toml
	@echo "Installing the backend ..."
	@test -x $(VENV)/bin/python || $(MAKE_VENV) $(VENV)
	@cd backend && VIRTUAL_ENV=../$(VENV) $(UV) pip install --quiet --require-hashes -r requirements.txt
	@cd backend && VIRTUAL_ENV=../$(VENV) $(UV) pip install --quiet --no-deps -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime backend/requirements-dev.txt
	@echo "Installing what checks and tests need ..."
	@cd backend && VIRTUAL_ENV=../$(VENV) $(UV) pip install --quiet --require-hashes -r requirements.txt -r requirements-dev.txt
	@touch $@

$(BENCH_VENV)/.installed: .boot/.installed bench/requirements.txt
	@echo "Installing what only the measurements need ..."
	@test -x $(BENCH_VENV)/bin/python || $(MAKE_VENV) $(BENCH_VENV)
	@cd bench && VIRTUAL_ENV=../$(BENCH_VENV) $(UV) pip install --quiet --require-hashes -r requirements.txt
	@touch $@

frontend/wasm/node_modules/.installed: frontend/wasm/package-lock.json
	@cd frontend/wasm && npm ci --silent --no-audit --no-fund
	@touch $@

frontend/node_modules/.installed: frontend/package.json frontend/package-lock.json
	@echo "Installing what the page is built with ..."
	@cd frontend && npm ci --silent --no-audit --no-fund
	@touch $@

frontend/out/.built: frontend/node_modules/.installed $(PAGE_SOURCES)
	@echo "Building the page ..."
	@cd frontend && npm run --silent build >.build.log 2>&1 || { cat .build.log; exit 1; }
	@rm -f frontend/.build.log && touch $@

# After the page, because both builds use frontend/.next.
frontend/gallery/.built: frontend/node_modules/.installed $(PAGE_SOURCES) | page
	@echo "Building the gallery ..."
	@cd frontend && npm run --silent gallery >.build.log 2>&1 || { cat .build.log; exit 1; }
	@rm -f frontend/.build.log && touch $@
