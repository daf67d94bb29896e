"""Quantizers, one module each, and where in a network they go."""

from sweep.quantizers.calibration import initialize_activations
from sweep.quantizers.lsq import LSQ
from sweep.quantizers.parameters import MIN_STEP_SIZE, keep_positive, positive_parameters, undecayed_parameters
from sweep.quantizers.placement import layer_weights, quantize, quantize_input

__all__ = [
    "LSQ",
    "MIN_STEP_SIZE",
    "initialize_activations",
    "keep_positive",
    "layer_weights",
    "positive_parameters",
    "quantize",
    "quantize_input",
    "undecayed_parameters",
]
