"""NiN: exact parameter counts of the grid, and its operations."""

import pytest
import torch
from torch import nn

from sweep.config.facts import DataFacts
from sweep.models.nin.model import NiN
from sweep.plan.operations import macs_per_image
from tests.conftest import tiny_run

# (classes, depth, width): parameters, multiply-accumulates per 32 x 32 image
COUNTS = {
    (10, 2, 8): (531_030, 50_150_400),
    (10, 2, 10): (826_280, 77_888_000),
    (10, 2, 12): (1_186_530, 111_705_600),
    (10, 3, 8): (972_830, 57_094_400),
    (10, 3, 10): (1_516_030, 88_768_000),
    (10, 3, 12): (2_179_230, 127_401_600),
    (10, 4, 8): (1_414_630, 58_830_400),
    (10, 4, 10): (2_205_780, 91_488_000),
    (10, 4, 12): (3_171_930, 131_325_600),
    (100, 3, 8): (991_100, 57_382_400),
    (100, 3, 10): (1_538_800, 89_128_000),
    (100, 3, 12): (2_206_500, 127_833_600),
    (100, 4, 8): (1_432_900, 58_902_400),
    (100, 4, 10): (2_228_550, 91_578_000),
    (100, 4, 12): (3_199_200, 131_433_600),
    (100, 5, 8): (1_874_700, 59_282_400),
    (100, 5, 10): (2_918_300, 92_190_500),
    (100, 5, 12): (4_191_900, 132_333_600),
}


@pytest.mark.parametrize(("classes", "depth", "width"), COUNTS)
def test_parameters_and_operations(classes: int, depth: int, width: int) -> None:
    parameters, macs = COUNTS[classes, depth, width]
    model = NiN(3, classes, 25 * width, depth)
    facts = DataFacts(50_000, 10_000, channels=3, height=32, width=32, classes=classes)
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert macs_per_image(tiny_run(base_width=25, width=width, depth=depth), facts) == macs


def test_block_structure() -> None:
    model = NiN(1, 10, 8, 2)
    convs = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    assert [(c.kernel_size[0], c.stride[0], c.padding[0]) for c in convs] == [(3, 2, 1), (1, 1, 0), (1, 1, 0)] * 2 + [
        (1, 1, 0)
    ]
    assert all(conv.bias is not None for conv in convs)
    assert (model(torch.randn(4, 1, 8, 8)) >= 0).all()  # ReLU on the logits
