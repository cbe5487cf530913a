# Every command a person runs. `make help` explains them; CI and the workflows call the same targets.
#
# The first target you run creates .venv and installs the versions named in constraints.txt.
# Settings, all of which can be given on the command line (`make book PYTHON=python3.12`):
#
#   PYTHON       the interpreter .venv is made from                        python3
#   CONSTRAINTS  file of exact versions; empty for the newest allowed ones constraints.txt
#   WORKERS      notebooks that `make test` and `make book` run at a time  one per core, 4 at most
#   MARKS        the tests pytest selects                                  neither slow, gpu nor online
#   FLAGS        the kinds of cells to run that are left out otherwise     none; e.g. "slow online"
#   PORT         where `make serve` listens                                8000
#   RUN          the log that `make runs` repeats                          none: it lists them
#   ARGS         further arguments for bench, pytest-site and runs         none
#
# From the environment: ZTH_DATA_DIR and TIKTOKEN_CACHE_DIR name folders that hold the data sets
# already; OMP_NUM_THREADS is the number of threads of one process; ZTH_ONLINE=1 also runs the cells and
# tests that need the network, as the published book does: GPT-2's weights go where HF_HOME says.

PYTHON      ?= python3
VENV        ?= .venv
ifeq ($(ZTH_ONLINE),1)
MARKS       ?= not slow and not gpu
FLAGS       ?= online
endif
MARKS       ?= not slow and not gpu and not online
FLAGS       ?=
PORT        ?= 8000
RUN         ?=
ARGS        ?=

CORES       := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
WORKERS     ?= $(shell test $(CORES) -lt 4 && echo $(CORES) || echo 4)
PY          := $(VENV)/bin/python
READY       := $(VENV)/.ready
SITE        := book/_build/html

# The exact versions were solved for Python 3.11 and suit the later ones; several have dropped 3.10,
# which gets the newest it can have.
ifeq ($(origin CONSTRAINTS), undefined)
CONSTRAINTS := $(shell $(PYTHON) -c 'import sys; print("constraints.txt" if sys.version_info >= (3, 11) else "")' 2>/dev/null)
endif

# One thread for each of the notebooks that run side by side.
THREADS     := $(or $(OMP_NUM_THREADS),1)
export JUPYTER_PREFER_ENV_PATH := 1
export PYTHONUTF8 := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help book serve test export lint runs bench site-test linkcheck constraints hooks venv clean distclean \
        test-export test-notebooks test-wheel test-package

##@ Reading and writing

# The pages are run first, side by side; Jupyter Book finds the outputs in its cache and runs none. A page is
# run again when its cells, a module that it imports or a log that it reads has changed.
book: $(READY)  ## run every page and build the site, strictly; prints where to open it
	$(PY) -m zth.weave export
	OMP_NUM_THREADS=$(THREADS) $(PY) -m zth.weave run --workers $(WORKERS)
	OMP_NUM_THREADS=$(THREADS) $(VENV)/bin/jupyter-book build book \
	    --toc "$(CURDIR)/_toc.yml" --config book/_config.yml -W --keep-going -n
	@echo
	@echo "The book is ready. Open it: file://$(CURDIR)/$(SITE)/index.html"
	@echo "With search and everything else, as on the web: make serve"

serve: $(READY)  ## show the site at http://localhost:8000, building it first if there is none
	@test -f $(SITE)/index.html || $(MAKE) book
	@echo "Serving the book at http://localhost:$(PORT)  (stop with Ctrl-C)"
	@$(PY) -m http.server $(PORT) --bind 127.0.0.1 --directory $(SITE)

export: $(READY)  ## write zth/ and tests/ from the notebooks
	$(PY) -m zth.weave export

runs: $(READY)  ## list the logs of long runs; `make runs RUN=name` repeats that one
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-$(CORES)} $(PY) book/runs $(RUN) $(ARGS)

bench: $(READY)  ## measure our code beside its peers, in one run on this machine
	OMP_NUM_THREADS=$(THREADS) $(PY) -m bench $(ARGS)

##@ Checking

test: test-export test-notebooks test-wheel test-package  ## everything that must hold, but for the site
	@echo "All of it holds."

test-export: $(READY)  ## the package is what the notebooks export, and the notebooks are clean
	$(PY) -m zth.weave check

test-notebooks: $(READY)  ## every notebook runs from top to bottom
	OMP_NUM_THREADS=$(THREADS) $(VENV)/bin/nbdev_test --n_workers $(WORKERS) --timing --flags "$(FLAGS)"

# The wheel comes from the source distribution, as it does for whoever installs from an index. It is
# then installed twice without its dependencies: alone, in a new environment, where what needs none
# must work; and into a folder that pytest imports from instead of from this working tree.
test-wheel: $(READY)  ## the wheel installs in an empty environment and imports
	@rm -rf build/wheel build/empty build/installed && mkdir -p build
	$(PY) -m build --quiet --outdir build/wheel .
	$(PY) -m venv build/empty
	build/empty/bin/python -m pip install --quiet --no-deps build/wheel/*.whl
	cd build && empty/bin/python -I ../tests/check_wheel.py ../settings.ini
	@$(PY) -m pip install --quiet --no-deps --target build/installed build/wheel/*.whl

test-package: test-wheel  ## the exported tests pass on the installed package
	OMP_NUM_THREADS=$(THREADS) PYTHONPATH="$(CURDIR)/build/installed" ZTH_INSTALLED="$(CURDIR)/build/installed" \
	    $(VENV)/bin/pytest --ignore tests/site -m "$(MARKS)" $(ARGS)

# axe-core judges accessibility; without npm the tests that need it say so and are skipped. Each process has
# a browser of its own, and takes one file of tests after the other.
site-test: $(READY)  ## try the built site in a real browser
	@if command -v npm >/dev/null; then npm ci --prefix tests/site --no-audit --no-fund --loglevel=error; fi
	$(VENV)/bin/pytest tests/site --numprocesses $(WORKERS) --dist loadscope $(ARGS)

linkcheck: $(READY)  ## follow the links that leave the book
	OMP_NUM_THREADS=$(THREADS) $(PY) -m zth.weave run --workers $(WORKERS)
	$(VENV)/bin/jupyter-book build book --builder linkcheck \
	    --toc "$(CURDIR)/_toc.yml" --config book/_config.yml --keep-going

lint: $(READY)  ## look for likely mistakes in the notebooks and in the code
	$(VENV)/bin/ruff check .

##@ Keeping house

venv: $(READY)  ## create .venv and install everything, which the others do when they need it

# A pip that is interrupted leaves no $(READY), so the next call starts it again.
$(READY): settings.ini setup.py pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 10) <= v[:2] <= (3, 13) else f"This book needs Python 3.10 to 3.13, and {sys.executable} is {v[0]}.{v[1]}. Name another: make PYTHON=python3.11")'
	@echo "Installing into $(VENV): a few minutes the first time, most of them for PyTorch."
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS)) --editable '.[dev,book]'
	$(PY) -m pip check
	@touch $@

hooks: $(READY)  ## let git check the notebooks before each commit, and merge them cell by cell
	git config core.hooksPath .githooks
	git config merge.nbdev-merge.name "merge notebooks cell by cell"
	git config merge.nbdev-merge.driver "'$(CURDIR)/$(VENV)/bin/nbdev_merge' %O %A %B %P"

# torch is solved without the suffix of a local build, and the file holds nothing but name==version.
constraints: ## solve constraints.txt afresh, from the newest versions allowed
	rm -rf build/solve && $(PYTHON) -m venv build/solve
	build/solve/bin/python -m pip install --quiet 'torch==2.13.0' '.[dev,book]'
	build/solve/bin/python -m pip freeze --all --exclude zth --exclude pip | sed -e 's/+cpu$$//' -e '/^nvidia-/d' -e '/^cuda-/d' -e '/^triton==/d' > constraints.txt

clean:  ## remove what was built, but not .venv
	rm -rf book/_build build dist ./*.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean  ## remove what was installed, too
	rm -rf $(VENV) tests/site/node_modules

help:  ## show this list
	@awk 'BEGIN { FS = ":.*## " } \
	    /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	    /^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile
