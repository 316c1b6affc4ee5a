# The one place for recipes: people, pre-commit and CI all call these targets.
# A fresh machine needs `make soak` and `make test` only; both make .venv/ first when it is missing or older than its locks;
# `make soak` installs what a soak needs, `make test` adds the developer tools.
.DEFAULT_GOAL := help
.PHONY: FORCE help venv soak test bench bench-reload format-check fmt lint types imports workflows conf unit reference plan lock clean

ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
PYTHON ?= python
NOTHING := nul
else
NOTHING := /dev/null
BIN := .venv/bin
PYTHON ?= $(shell command -v python3.11 >/dev/null 2>&1 && python3.11 -c "" 2>/dev/null && echo python3.11 || echo python3)
# A .venv whose Python is gone, or that was made where this folder lay before, is made again.
STALE := $(shell [ -x $(BIN)/python ] && grep -qsF "$$(pwd -P)/.venv" $(BIN)/quoteops || echo stale)
endif
# Bytecode is made at first use (see below), whatever the environment says: a start that never finds any takes twice as long.
unexport PYTHONDONTWRITEBYTECODE
# Settings of the user (environment or pip.conf) that would put files elsewhere or leave some out are not heard; where pip gets files
# from (index, proxy, certificates, cache) stays theirs, since every file is checked against its hash.
unexport PYTHONPATH PYTHONHOME PIP_PYTHON PIP_TARGET PIP_PREFIX PIP_ROOT
export PIP_CONSTRAINT := $(NOTHING)
export PIP_DRY_RUN := 0
export PIP_REQUIRE_HASHES := 0
CORE := .venv/core.stamp
DEV := .venv/dev.stamp
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses=4
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
PIP_INSTALL := $(PIP) install --no-user --target= --no-binary=:none: --only-binary=:none: \
	--no-compile --no-deps --no-build-isolation
PIP_SYNC := $(PIP_INSTALL) --require-hashes
PIP_CHECK := $(BIN)/python -m pip --disable-pip-version-check check
WHICH := "import sys; print(sys.base_prefix, sys.version)"
PIP_COMPILE := $(BIN)/python -m piptools compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-annotate \
	--no-header --no-emit-index-url --no-emit-trusted-host --no-emit-find-links

help: ## show the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

venv: $(DEV) ## create .venv/ from the locks, developer tools included

# A lock is complete: every file is named, pinned and hashed, so pip resolves nothing (--no-deps), and `pip check` says that nothing is
# missing. Bytecode is made at first use: it would take half of the time and a seventh of the room. What installs and builds is
# removed again when all that is wanted is a soak; `make venv` and `make test` keep it, at the developer lock's versions.
# Without its stamp a .venv is one whose installation was interrupted, or somebody else's; pip would trust its half-written packages.
$(CORE): requirements/build.txt requirements/core.txt pyproject.toml $(if $(STALE),FORCE)
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else "error: %s is Python %d.%d; allowed 3.11 or later (make PYTHON=/path/to/python3.11)" % (sys.executable, v[0], v[1]))'
	@echo "==> creating .venv/ with $$($(PYTHON) --version) (once; about half a minute)"
	@[ -z "$(STALE)" ] && [ -e $@ ] && [ "$$($(BIN)/python -c $(WHICH))" = "$$($(PYTHON) -c $(WHICH))" ] || rm -rf .venv
	@rm -f $@
	@$(PYTHON) -m venv .venv
	@echo "==> installing the locked dependencies into .venv/, every file checked against its hash"
	@$(PIP_SYNC) -r requirements/build.txt
	@$(PIP_SYNC) -r requirements/core.txt
	@$(PIP_INSTALL) --editable .
	@[ -e $(BIN)/quoteops ] || { echo "error: pip installed somewhere else; allowed .venv/: see '$(BIN)/python -m pip config list'"; exit 1; }
	@$(PIP_CHECK) >/dev/null || $(PIP_CHECK)
	@[ -n "$(filter-out soak,$(MAKECMDGOALS))" ] || [ -e $(DEV) ] || $(PIP) uninstall --yes pip setuptools wheel
	@touch $@

$(DEV): $(CORE) requirements/dev.txt
	@echo "==> installing the locked developer tools into .venv/ (once; about half a minute)"
	@rm -f $@
	@$(BIN)/python -c "import pip" 2>/dev/null || $(PYTHON) -m venv .venv
	@$(PIP_SYNC) -r requirements/dev.txt
	@$(PIP_CHECK) >/dev/null || $(PIP_CHECK)
	@touch $@

# What somebody gave make beside its own variables are words of the soak; flags and words that make would take for itself go into ARGS.
OWN := ARGS BIN CORE DEV LOCK_ARGS PIP PIP_CHECK PIP_COMPILE PIP_INSTALL PIP_SYNC PYTEST PYTHON SHELL STALE WHICH
GIVEN = $(sort $(filter-out $(OWN),$(foreach v,$(.VARIABLES),$(if $(filter command line,$(origin $v)),$v))))
WORDS = $(foreach v,$(GIVEN),'$(subst ','\'',$v=$(value $v))')

soak: $(CORE) ## run a soak: make soak profile=moderate soak.hours=1
	@printf '==> %s\n' "$(BIN)/quoteops soak $$(echo $(WORDS) $(ARGS))"
	@$(BIN)/quoteops soak $(WORDS) $(ARGS) || { code=$$?; case $$code in \
		1|3) echo "==> the soak ran; the verdict above would end 'quoteops soak' with exit code $$code" ;; \
		*) echo "==> the soak could not run or was not completed (exit code $$code); see the line above"; exit $$code ;; esac; }

test: format-check lint types imports workflows conf unit ## all that CI checks: layout, lint, types, imports, workflows, conf, tests
	@echo "==> all checks passed"

format-check: $(DEV)
	@echo "==> ruff format --check: one layout"
	@$(BIN)/ruff format --check --quiet .

lint: $(DEV) ## ruff's rules
	@echo "==> ruff check: likely mistakes"
	@$(BIN)/ruff check --quiet .

types: $(DEV) ## mypy --strict
	@echo "==> mypy --strict: types"
	@$(BIN)/mypy

imports: $(DEV) ## import contracts: floors, purity, one door per vendor
	@echo "==> lint-imports: floors, purity and vendor doors"
	@$(BIN)/lint-imports --no-logo

workflows: $(DEV) ## .github/workflows: schema, and zizmor at its strictest, offline
	@echo "==> check-jsonschema and zizmor --pedantic: the workflows"
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/zizmor --pedantic --offline --quiet .github/workflows

conf: $(DEV) ## every combination that conf/ offers
	@echo "==> quoteops config check: every combination that conf/ offers"
	@$(BIN)/quoteops config check

# Without ARGS in two parts, so that most faults are seen early and the wait for the rest has a name.
unit: $(DEV) ## the tests alone: make unit ARGS="tests/quoting -k spread"
ifeq ($(strip $(ARGS)),)
	@echo "==> pytest, the short part: most tests, few of more than five seconds"
	@$(PYTEST) -m "not slow"
	@echo "==> pytest, the long part: clusters, control loops, torture and parity"
	@$(PYTEST) -m slow
else
	@echo "==> pytest $(ARGS)"
	@$(PYTEST) $(ARGS)
endif

reference: $(DEV) ## tests with the compiler off; 95 % of the pure modules' lines
	@echo "==> pytest with NUMBA_DISABLE_JIT=1, lines of the pure modules counted"
	@NUMBA_DISABLE_JIT=1 COVERAGE_FILE=artifacts/.coverage $(BIN)/python -m pytest --cov --cov-report=term -m "not realdata and not slow" \
		$(wildcard $(addprefix tests/,edge engine gates market properties quoting session soak tuning venue)) $(ARGS)

bench: $(DEV) ## replay the reference tape against hftbacktest
	@echo "==> replay of the reference tape, ours and hftbacktest's in turn"
	@$(BIN)/python -m benchmarks.replay $(ARGS)

bench-reload: $(DEV) ## replace an overrides file and measure when it is in force
	@echo "==> a replaced overrides file, from the rename to in force, beside a bare callback"
	@$(BIN)/python -m benchmarks.hot_reload $(ARGS)

plan: $(DEV) ## draw the rooms and their imports into docs/images/plan.svg
	@$(BIN)/python -m tests.house.plan

fmt: $(DEV) ## rewrite the files in the one layout and mend what ruff can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: $(DEV) ## resolve the locks again; LOCK_ARGS="--upgrade" for newer ones
	@echo "==> resolving requirements/*.txt with hashes (several minutes)"
	@$(PIP_COMPILE) $(LOCK_ARGS) -o requirements/build.txt requirements/build.in
	@$(PIP_COMPILE) $(LOCK_ARGS) -o requirements/core.txt pyproject.toml
	@$(PIP_COMPILE) $(LOCK_ARGS) -c requirements/build.txt -c requirements/core.txt --extra dev -o requirements/dev.txt pyproject.toml
	@$(PIP_COMPILE) $(LOCK_ARGS) -c requirements/build.txt -c requirements/dev.txt --extra ray -o requirements/ray.txt pyproject.toml

clean: ## remove .venv/ and the caches; artifacts/ stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info
