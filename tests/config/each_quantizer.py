"""A run with every quantizer."""

from tests.conftest import tiny_run

ACTS = {"act_bits": 4, "pact_alpha": 10.0}

EACH_QUANTIZER = {
    "lsq": tiny_run(),
    "lsq_plus": tiny_run(quantizer="lsq_plus"),
    "dorefa": tiny_run(quantizer="dorefa"),
    "pact": tiny_run(quantizer="pact", bits=32, **ACTS),
    "dorefa_pact": tiny_run(quantizer="dorefa_pact", **ACTS),
    "saq": tiny_run(quantizer="saq"),
    "vvtq": tiny_run(quantizer="vvtq"),
    "noise_tempering": tiny_run(quantizer="noise_tempering", tempering_c=0.2, tempering_k=50),
    "diffq": tiny_run(quantizer="diffq", diffq_noise="normal"),
}
