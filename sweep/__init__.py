"""Hyperparameter sweeps for quantization-aware training."""

from pathlib import Path

__version__ = "0.1.0"

# conf/ and results/published/ lie beside this package, in a checkout and where it is installed.
PROJECT = Path(__file__).resolve().parent.parent
