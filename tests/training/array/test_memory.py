"""The predicted peak memory of an array against what PyTorch allocates on the CPU."""

import shutil
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from sweep.config.run import RunConfig
from sweep.data.arrays import ImageArrays
from sweep.training.array.engine import train_array
from sweep.training.array.memory import members_that_fit, predicted_bytes
from sweep.training.progress import TrainOptions
from tests.conftest import tiny_run
from tests.training.array.colours import FACTS, colour_arrays, colour_runs
from tests.training.array.members import CPU, as_array, data_of, members


def peak_bytes(runs: list[RunConfig]) -> int:
    """The most that was allocated at a time while `runs` trained for an epoch and were evaluated."""
    arrays = colour_arrays()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        list(train_array(runs, data_of(runs, arrays), CPU, [TrainOptions("test")] * len(runs)))
    return max(np.cumsum([e.nbytes() for e in recorded.profiler.kineto_results.events() if e.name() == "[memory]"]))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("members", "changes"),
    [
        (2, {"base_width": 8, "batch_size": 32}),
        (4, {"base_width": 8, "batch_size": 32}),
        (2, {"base_width": 8, "batch_size": 96}),
        (2, {"base_width": 5, "depth": 4, "batch_size": 96, "precision": "bf16"}),
        (1, {"base_width": 40, "batch_size": 8}),
    ],
)
def test_predicted_peak_memory_is_right_to_20_percent(members: int, changes: dict[str, object]) -> None:
    runs = colour_runs(members, width=4, **changes)
    assert predicted_bytes(runs[0], FACTS, members, compiled=False) == pytest.approx(peak_bytes(runs), rel=0.2)


NEEDS_COMPILER = pytest.mark.skipif(shutil.which("g++") is None, reason="compiling for the CPU needs g++")


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Arrays on the CPU as on a GPU, but for the graph."""
    monkeypatch.setattr("sweep.training.array.engine.is_compiled", lambda device: True)
    yield
    torch._dynamo.reset()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the compiler's own
@NEEDS_COMPILER
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_and_so_it_is_with_compiled_operations(precision: str, compiled: None) -> None:
    runs = colour_runs(2, width=4, base_width=16, batch_size=48, precision=precision)
    peak_bytes(runs)  # compiles
    assert predicted_bytes(runs[0], FACTS, 2, compiled=True) == pytest.approx(peak_bytes(runs), rel=0.2)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the compiler's own
@NEEDS_COMPILER
def test_compiled_operations_compute_the_same(digit_arrays: ImageArrays, request: pytest.FixtureRequest) -> None:
    runs = members(8)
    expected = as_array(runs, digit_arrays)
    request.getfixturevalue("compiled")
    for one, other in zip(as_array(runs, digit_arrays), expected, strict=True):
        assert one is not None and other is not None
        losses = [[record["train_loss"] for record in result["curve"]] for result in (one, other)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-12)


def test_as_many_members_as_fit() -> None:
    run = tiny_run(base_width=25, width=8, precision="bf16")
    ten = predicted_bytes(run, FACTS, 10, compiled=True)
    assert members_that_fit(run, FACTS, int(ten / 0.9) + 1000, compiled=True) == 10
    assert members_that_fit(run, FACTS, int(ten / 0.9) - 1000, compiled=True) == 9
    assert members_that_fit(run, FACTS, 0, compiled=True) == 1
