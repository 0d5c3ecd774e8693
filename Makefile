# make quickstart   set up, then compare the plans of scenarios/quickstart.yaml
# make test         set up, then run the tests but the slow ones
# make test-slow    set up, then run the slow ones
# make explore      set up, then open the scenario explorer in the browser
# make lint         style, types, import layers
# make site         set up, then build the documentation site into build/site
# make audit        set up, then look up known vulnerabilities of what is installed; needs the network

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip --quiet --disable-pip-version-check

quickstart: .venv/installed
	$(BIN)/simcost run scenarios/quickstart.yaml

explore: .venv/installed
	$(BIN)/simcost app

test: .venv/test
	$(BIN)/pytest -m "not slow"

test-slow: .venv/dev .venv/servers
	$(BIN)/pytest -m slow

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

site: .venv/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --config-file .mkdocs.yml --strict --quiet

audit: .venv/installed
	$(PYTHON) -m venv build/audit
	build/audit/bin/pip --quiet --disable-pip-version-check install pip-audit
	$(BIN)/pip freeze --exclude-editable > build/audit/installed.txt
	build/audit/bin/pip-audit --requirement build/audit/installed.txt --no-deps --disable-pip --strict

.venv/bin/pip:
	@echo "Setting up .venv; this takes about a minute."
	@$(PYTHON) -c "import sys; sys.exit('simcost needs Python 3.11 or newer; try make PYTHON=python3.13') if sys.version_info < (3, 11) else None"
	$(PYTHON) -m venv .venv

# pip compiles on one core, compileall on all; the tests that packages carry stay as they are.
define install
	$(PIP) install --no-compile -e "$(1)"
	@$(BIN)/python -m compileall -qq -j 0 -x /tests/ .venv/lib || true
	@touch $(2)
endef

.venv/installed: pyproject.toml | .venv/bin/pip
	$(call install,.,$@)

.venv/test: pyproject.toml | .venv/bin/pip
	$(call install,.[test],.venv/installed $@)

.venv/dev: pyproject.toml | .venv/bin/pip
	$(call install,.[dev],.venv/installed .venv/test $@)

.venv/servers: .venv/dev
	@$(PIP) install -e ".[ray]" || echo "No Ray for this Python: its tests are skipped."
	@$(PIP) install "moto[server]" gcp-storage-emulator || echo "No servers of object stores: their tests are skipped."
	@touch $@

.venv/docs: .venv/installed
	$(PIP) install -e ".[docs]"
	@touch $@

.PHONY: quickstart explore test test-slow lint site audit
