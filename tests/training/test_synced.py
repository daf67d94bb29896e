"""Batch normalization over processes, here one; tests/worker/test_processes.py has two."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn

from sweep.training.synced import SyncedBatchNorm, synchronize_batch_norm


@pytest.fixture
def one_process(tmp_path: Path) -> Iterator[None]:
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.parametrize("training", [True, False])
def test_it_is_pytorchs_in_values_gradients_and_statistics(training: bool, one_process: None) -> None:
    generator = torch.Generator().manual_seed(0)
    x = 3 + 2 * torch.randn(5, 4, 3, 2, generator=generator, dtype=torch.float64)
    direction = torch.randn(x.shape, generator=generator, dtype=torch.float64)
    ours, pytorchs = (nn.Sequential(nn.BatchNorm2d(4)).double().train(training) for _ in range(2))
    synchronize_batch_norm(ours, torch.device("cpu"))
    assert isinstance(ours[0], SyncedBatchNorm)
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    for model, given in zip((ours, pytorchs), inputs, strict=True):
        model.train(training)
        nn.init.constant_(model[0].weight, 1.5)
        (model(given) * direction).sum().backward()
    torch.testing.assert_close(ours(x), pytorchs(x), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(dict(ours.state_dict()), dict(pytorchs.state_dict()), rtol=1e-12, atol=1e-12)
    for mine, theirs in zip(ours.parameters(), pytorchs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-12, atol=1e-12)
