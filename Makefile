# Commands on a bare machine with Python 3.11 or newer: `make demo`, `make flatness` (docs/flatness.md), `make test`.
PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
BIN := $(VENV)/bin
DEMO := hydra/launcher=local dataset=digits grid=demo base_width=4 epochs=30
# Fewer samples, restarts and ascent steps than the defaults, to take minutes on two cores.
QUICK := measure.noise_samples=5 measure.restarts=2 measure.ascent_steps=8 measure.ascent_share=0.25 \
	measure.curvature_images=250 measure.linf_iterations=3 measure.landscape_points=11
FLATNESS := results_dir=results/flatness

.PHONY: demo flatness test install

demo: install
	$(BIN)/python -m sweep.run -m bits=2,4,8,32 $(DEMO) results_dir=results
	$(BIN)/python -m sweep.tables results_dir=results dataset=digits base_width=4 epochs=30

flatness: install
	$(BIN)/python -m sweep.run -m bits=2,4,8,32 $(DEMO) keep_weights=true $(FLATNESS)
	$(BIN)/python -m sweep.measure -m hydra/launcher=local $(QUICK) $(FLATNESS)
	$(BIN)/python -m sweep.tables table=2 $(FLATNESS)
	$(BIN)/python -m sweep.tables table=3 $(FLATNESS)
	$(BIN)/python -m sweep.figures $(FLATNESS)

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
