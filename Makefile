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

# The directory of CIFAR-10's images as parquet files, for `make gpu`.
IMAGES ?= data/cifar10-jpeg
NAME ?= cifar10-jpeg

.PHONY: demo flatness test gpu install

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

# What only a GPU can tell: the tests on it, the engines' speed, and the first slice of Table 1 on real images.
gpu: install
	$(BIN)/pytest tests/training/test_cuda.py
	$(BIN)/python -m benchmarks.engines --precisions bf16,tf32 --images $(IMAGES) --out benchmarks --name engines-gpu
	$(BIN)/python -m sweep.run -m bits=2,4,8,32 width=8 depth=2 precision=bf16 dataset=parquet_images \
		dataset_name=$(NAME) data_dir=$(IMAGES) device=cuda hydra/launcher=local results_dir=results/$(NAME)-8x2
	$(BIN)/python -m sweep.tables results_dir=results/$(NAME)-8x2

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml $(wildcard $(CONSTRAINTS))
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) torch torchvision
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable ".[dev]"
	touch $@
