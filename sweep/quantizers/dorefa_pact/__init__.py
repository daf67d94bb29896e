"""DoReFa weights with PACT activations, as QReg combines them."""

from sweep.config.part_classes import Quantizer
from sweep.quantizers.pact import PACT_ALPHA, alpha_conflict

PART = Quantizer(
    "dorefa_pact",
    "weights as dorefa, activations as pact",
    printed=("DoReFa+PACT",),
    weights=(),
    activations=(PACT_ALPHA,),
    weights_only="dorefa",
    activations_only="pact",
    conflict=alpha_conflict,
    learns=True,
)
