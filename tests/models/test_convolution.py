"""1x1 convolutions with a stride, which some CPUs' kernels get wrong."""

import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sweep import PROJECT
from sweep.config.networks import networks
from sweep.models import build_model
from sweep.models.convolution import SubsampledConv2d, subsample_pointwise
from tests.conftest import tiny_run


@pytest.mark.parametrize("name", networks())
def test_no_network_has_a_pointwise_convolution_with_a_stride_of_pytorch(name: str) -> None:
    with torch.device("meta"):
        model = build_model(tiny_run(model=name, width=2, depth=10), 3, 10, (32, 32))
    for conv in model.modules():
        if isinstance(conv, nn.Conv2d) and conv.kernel_size == (1, 1):
            assert isinstance(conv, SubsampledConv2d) == (conv.stride != (1, 1))


@pytest.mark.parametrize(("inputs", "outputs", "stride", "side"), [(3, 4, 2, 7), (4, 2, 2, 8), (9, 3, 3, 10)])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_it_is_the_same_function(
    inputs: int, outputs: int, stride: int, side: int, layout: torch.memory_format
) -> None:
    conv = subsample_pointwise(nn.Conv2d(inputs, outputs, 1, stride)).double()
    assert isinstance(conv, SubsampledConv2d)
    images = torch.randn(2, inputs, side, side, dtype=torch.float64).to(memory_format=layout).requires_grad_()
    ours = conv(images)
    theirs = F.conv2d(images.contiguous(), conv.weight, conv.bias, stride)
    leaves = (images, conv.weight, conv.bias)
    torch.testing.assert_close(ours, theirs)
    for mine, expected in zip(*(torch.autograd.grad(y.square().sum(), leaves) for y in (ours, theirs)), strict=True):
        torch.testing.assert_close(mine, expected)


def test_others_stay_as_they_are() -> None:
    convs = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 3, 2, padding=1), nn.Conv2d(4, 4, 1, 2, padding=1))
    subsample_pointwise(convs)
    assert all(type(conv) is nn.Conv2d for conv in convs)


@pytest.mark.parametrize("limit", [["--isa", "AVX2"], []])
def test_they_are_right_and_stay_within_their_memory(limit: list[str]) -> None:
    """In processes of their own with the heap's checks on: see benchmarks/convolutions.md."""
    command = [sys.executable, "-m", "benchmarks.convolutions", "--ours", "--only", "pointwise", *limit]
    only = ["--batches", "3", "--layouts", "channels-last", "--dtypes", "fp32"]
    done = subprocess.run([*command, *only], cwd=PROJECT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 of" in done.stdout
