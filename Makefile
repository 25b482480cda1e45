# Two commands matter: `make book` and `make test`. `make help` lists the rest.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
TOOLS := book/_tools
HTML := _build/html
PORT ?= 8000
# Single-threaded workers: two test processes with two threads each would fight over two cores.
ONE_THREAD := OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false
# The stamp's name holds a checksum of what decides the environment, this folder's path among it, so that neither a fresh
# clone's file times nor a change of branch nor a checkout that was copied or moved can leave an old environment in use.
STAMP := $(VENV)/.installed-$(shell { pwd -P; cat requirements.txt pyproject.toml; } | cksum | cut -d' ' -f1)
# What is given on the command line reaches the tools as GIVEN_..., through the environment and as it was typed: make
# itself and the shell would take a $$ or a backtick in it for their own.
GIVEN := NAME URL CHAPTER SHEET SUBMISSIONS OUT
unexport $(GIVEN)
$(foreach name,$(GIVEN),$(eval export GIVEN_$(name) := $$(value $(name))))

.PHONY: help env book serve lab run verify zoo test lint unit notebooks book-tests chapter set-url check-colab release grade slides pdf picture lock gpu gpu-wheels clean
.DEFAULT_GOAL := help

help:  ## List these targets
	@sed -n 's/^\([a-z-]*\):[^#]*## */\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r target text; do printf '  make %-12s %s\n' "$$target" "$$text"; done

env: $(STAMP)  ## Create .venv and install what requirements.txt pins (the other targets do it when it is needed)

# The environment is made anew where there is none, where making one was interrupted (no pip), and where it belongs to
# another folder (its scripts name the interpreter by its full path).
# --no-compile: Python compiles what is imported when it is imported; compiling all of it takes a minute.
$(STAMP):
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed and '$(PYTHON)' was not found; say make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v == (3, 11) else "Python 3.11 is needed, %s is Python %d.%d" % (sys.executable, *v))'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 && head -n 3 $(BIN)/pip 2>/dev/null | grep -qF "$$(pwd -P)/$(BIN)/" || { \
	  echo "Making a new environment in $(VENV)"; $(PYTHON) -m venv --clear $(VENV); }
	@echo "Installing the pinned packages into $(VENV): about 6 GB on Linux with PyTorch for GPUs, a few minutes"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@rm -f $(VENV)/.installed-*
	@touch $@

book: $(STAMP)  ## Build the book, warnings as errors
	$(BIN)/jupyter-book build -W -n --keep-going .
	@echo; echo "The book is built. Open it with: make serve   (or open $(HTML)/index.html in a browser)"

serve: book  ## Build the book and serve it on http://localhost:8000 (PORT=...)
	@echo "Serving the book on http://localhost:$(PORT) (stop with Ctrl+C)"
	$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory $(HTML)

lab: $(STAMP)  ## Open JupyterLab on the notebooks
	$(BIN)/jupyter lab notebooks

run: $(STAMP)  ## Bring the .ipynb halves up to date: re-execute the chapters whose code changed (CHAPTER=..., FORCE=1)
	$(BIN)/python $(TOOLS)/run_notebooks.py $(if $(FORCE),--force) $$GIVEN_CHAPTER

verify: $(STAMP)  ## Measure every claim once more with other seeds, in copies; the scoreboard shows what came out (CHAPTER=...)
	$(BIN)/python $(TOOLS)/verify.py $$GIVEN_CHAPTER

zoo: $(STAMP)  ## Train the small shared models that are not in the cache yet, and print their quality
	$(BIN)/python -m vlm_lib.zoo
	$(BIN)/python -m vlm_lib.prompting

test: lint unit notebooks book-tests  ## Everything: lint, unit tests, all notebooks, the book and its pages

lint: $(STAMP)  ## Ruff, check and format; spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell book notebooks vlm_lib tests *.md

unit: $(STAMP) zoo  ## Unit, property and parity tests; the pair check of the notebooks
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2 --dist loadfile --ignore tests/book/built tests

notebooks: $(STAMP) zoo  ## Execute every chapter once and compare the cells tagged nbval-check-output
	$(ONE_THREAD) TQDM_DISABLE=1 $(BIN)/python -m pytest -p no:cacheprovider --nbval-lax --nbval-current-env --nbval-cell-timeout 600 -n 2 --dist loadfile notebooks/*.ipynb

book-tests: book  ## Check the built pages, in a browser too where there is a Chromium
	$(BIN)/python -m pytest -n 2 tests/book/built

chapter: $(STAMP)  ## Start a chapter of book/ledger.yml from the template: make chapter NAME=35_coca
	$(BIN)/python $(TOOLS)/new_chapter.py "$$GIVEN_NAME"

set-url: $(STAMP)  ## Rewrite what derives from the repository's address, git's remote or URL=https://github.com/you/repo
	$(BIN)/python $(TOOLS)/set_url.py "$$GIVEN_URL"

check-colab: $(STAMP)  ## Run one chapter alone in a fresh environment, as Colab would: make check-colab CHAPTER=34_flamingo
	$(BIN)/python $(TOOLS)/check_colab.py "$$GIVEN_CHAPTER"

release: $(STAMP)  ## Write the student version of a problem sheet: make release SHEET=34_flamingo OUT=folder
	$(BIN)/python -m vlm_lib.grading release "$$GIVEN_SHEET" "$$GIVEN_OUT"

grade: $(STAMP)  ## Grade submissions: make grade SHEET=34_flamingo SUBMISSIONS=folder OUT=folder
	$(BIN)/python -m vlm_lib.grading grade "$$GIVEN_SHEET" "$$GIVEN_SUBMISSIONS" "$$GIVEN_OUT"

slides: $(STAMP)  ## Slides of the chapters, or of one (CHAPTER=...), into _build/slides or OUT=folder
	PYTHONPATH=book/_ext $(BIN)/python $(TOOLS)/slides.py "$$GIVEN_CHAPTER" "$$GIVEN_OUT"

pdf: book  ## The whole book as one PDF, _build/vlm-verified.pdf or OUT=file (needs Chromium)
	$(BIN)/python $(TOOLS)/pdf.py "$$GIVEN_OUT"

picture: book  ## Redraw the README's picture of the book (needs Chromium)
	$(BIN)/python $(TOOLS)/picture.py

lock: $(STAMP)  ## Rewrite requirements.txt from what is installed in .venv
	$(BIN)/python $(TOOLS)/lock.py requirements.txt

# A machine with a GPU has its own Python with PyTorch: no .venv is built for this target.
gpu:  ## Check and measure everything on a GPU: make gpu OUT=folder PYTHON=python3 (DEVICE=cpu walks the path only)
	$(PYTHON) -m vlm_lib.bench.gpu --out "$$GIVEN_OUT" --device $(or $(DEVICE),cuda) --wheels .whl $(if $(MINUTES),--minutes $(MINUTES))

# What the check needs and such a machine lacks: a few megabytes.
GPU_WHEELS := open_clip_torch ftfy wcwidth open-flamingo einops-exts flamingo-pytorch platformdirs
gpu-wheels:  ## Download what `make gpu` needs beside PyTorch, transformers and Triton into .whl, at the pinned versions
	rm -rf .whl
	$(PYTHON) -m pip download --quiet --no-deps --only-binary=:all: --python-version 3.12 -d .whl $(foreach name,$(GPU_WHEELS),$(shell grep -i '^$(name)==' requirements.txt))

clean:  ## Remove the built book (the environment and the cache of trained models stay)
	rm -rf _build
