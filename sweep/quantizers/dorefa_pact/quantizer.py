"""DoReFa weights with PACT activations, as QReg (3) combines them."""

from sweep.quantizers.dorefa.quantizer import weight_quantizer
from sweep.quantizers.pact.quantizer import activation_quantizer

__all__ = ["activation_quantizer", "weight_quantizer"]
