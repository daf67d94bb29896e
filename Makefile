# Two commands on a bare machine with Python 3.11 or newer: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
BIN := $(VENV)/bin
DEMO := hydra/launcher=local dataset=digits grid=demo base_width=4 epochs=30

.PHONY: demo test install

demo: install
	$(BIN)/python -m sweep.run -m bits=2,4,8,32 $(DEMO) results_dir=results
	$(BIN)/python -m sweep.tables results_dir=results dataset=digits base_width=4 epochs=30

test: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml $(wildcard $(CONSTRAINTS))
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) torch torchvision
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable ".[dev]"
	touch $@
