"""Training from given weights: what is taken of them, what stays random, what is refused."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sweep.config.checks import ConfigError
from sweep.config.run import RunConfig
from sweep.data.arrays import ImageArrays
from sweep.data.device import ImageData
from sweep.training.evaluate import evaluate
from sweep.training.fitting import fitting, float_weights, read_weights, shapes_of
from sweep.training.plain import train
from sweep.training.progress import TrainOptions
from sweep.training.state import TrainingState, initial_model
from tests.conftest import tiny_run

CPU = torch.device("cpu")
ANY = f"run:{'a' * 64}"  # the name does not matter to training: the path does
SHAPE = (1, 10, (8, 8))


def data_of(arrays: ImageArrays, run: RunConfig) -> ImageData:
    return ImageData(arrays, run, CPU)


@pytest.fixture(scope="module")
def trained(digit_arrays: ImageArrays, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Kept weights of a short run, by bits."""
    folder = tmp_path_factory.mktemp("weights")
    for bits in (32, 4):
        run = tiny_run(bits=bits)
        train(run, data_of(digit_arrays, run), CPU, TrainOptions("test", weights=folder / f"{bits}.pt"))
    return {bits: folder / f"{bits}.pt" for bits in (32, 4)}


@pytest.mark.parametrize("bits", [32, 4])
def test_training_starts_from_them(bits: int, trained: dict[int, Path], digit_arrays: ImageArrays) -> None:
    """Of a quantized run the latent weights; step sizes start from what was loaded."""
    best = torch.load(trained[bits], weights_only=True)["best"]
    name = "features.0.0.weight" if bits == 32 else "features.0.0.parametrizations.weight.original"
    run = tiny_run(bits=2, initial_weights=ANY)
    training = TrainingState(run, data_of(digit_arrays, run), CPU, read_weights(trained[bits]))
    state = training.model.state_dict()
    weight = state["features.0.0.parametrizations.weight.original"]
    assert torch.equal(weight, best[name])
    assert torch.equal(state["features.0.1.running_var"], best["features.0.1.running_var"])
    step_size = state["features.0.0.parametrizations.weight.0.step_size"]
    assert step_size == pytest.approx(2 * weight.abs().mean().item(), rel=1e-6)  # qmax = 1


def test_a_float_network_computes_what_the_trained_one_did(trained: dict[int, Path], digit_arrays: ImageArrays) -> None:
    run = tiny_run(bits=32, initial_weights=ANY, seed=1)
    data = data_of(digit_arrays, run)
    training = TrainingState(run, data, CPU, read_weights(trained[32]))
    source = initial_model(run, data)
    source.load_state_dict(torch.load(trained[32], weights_only=True)["best"])
    assert evaluate(training.model, data, data.test, "fp32") == evaluate(source, data, data.test, "fp32")


def test_kept_initial_weights_stay_the_random_ones(
    trained: dict[int, Path], digit_arrays: ImageArrays, tmp_path: Path
) -> None:
    run = tiny_run(bits=4, initial_weights=ANY, epochs=1)
    data = data_of(digit_arrays, run)
    train(run, data, CPU, TrainOptions("test", weights=tmp_path / "w.pt", initial_weights=trained[32]))
    kept = torch.load(tmp_path / "w.pt", weights_only=True)["initial"]
    assert all(torch.equal(kept[name], tensor) for name, tensor in initial_model(run, data).state_dict().items())


def test_random_weights_are_the_old_path(digit_arrays: ImageArrays) -> None:
    run = tiny_run()
    given = initial_model(run, data_of(digit_arrays, run)).state_dict()
    states = [TrainingState(run, data_of(digit_arrays, run), CPU, each).model.state_dict() for each in (None, given)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def of_classes(classes: int, **changes: Any) -> dict[str, Tensor]:
    return {name: torch.zeros(shape) for name, shape in shapes_of(tiny_run(**changes), 1, classes, (8, 8)).items()}


def test_a_head_for_other_classes_is_left_out_as_a_whole() -> None:
    found = fitting(of_classes(7), tiny_run(), *SHAPE)
    left_out = set(of_classes(10)) - set(found)
    assert {name.partition(".")[0] for name in left_out} == {"head"}
    assert left_out >= {"head.0.weight", "head.0.bias", "head.1.weight", "head.1.running_mean"}
    assert set(fitting(of_classes(10), tiny_run(), *SHAPE)) == set(of_classes(10))


def test_counters_of_batch_norm_may_be_missing() -> None:
    given = {name: tensor for name, tensor in of_classes(10).items() if not name.endswith("num_batches_tracked")}
    assert set(fitting(given, tiny_run(), *SHAPE)) == set(given)


@pytest.mark.parametrize(
    ("given", "needs_head", "message"),
    [
        (of_classes(10, depth=1), False, r"do not fit model=nin for 10 classes: 18 missing \(features.3.0.bias, "),
        (of_classes(10, depth=3), False, r"21 not of this network \(features.6.0.bias, "),
        (of_classes(10, width=3), False, r"of another shape \(features.0.0.bias, "),
        (of_classes(7), True, r"of another shape \(head.0.bias, head.0.weight, head.1.bias\)"),
        ({}, False, r"missing \(features"),
    ],
)
def test_any_other_misfit_is_refused(given: dict[str, Tensor], needs_head: bool, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        fitting(given, tiny_run(), *SHAPE, needs_head=needs_head)


def test_quantizers_are_left_out() -> None:
    state = {
        "a.parametrizations.weight.original": torch.ones(1),
        "a.parametrizations.weight.0.step_size": torch.ones(1),
    }
    state |= {"a.input_quantizer.qmin": torch.ones(1), "b.weight": torch.zeros(1)}
    assert float_weights(state) == {"a.weight": torch.ones(1), "b.weight": torch.zeros(1)}


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, {"state_dict": {"a": torch.ones(1)}}])
def test_a_file_of_something_else_is_refused(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(ConfigError, match=r"x.pt holds no tensors by name"):
        read_weights(tmp_path / "x.pt")


def test_a_file_that_is_not_of_torch_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.pt").write_bytes(b"weights")
    with pytest.raises(ConfigError, match=r"x.pt cannot be read"):
        read_weights(tmp_path / "x.pt")
    with pytest.raises(ConfigError, match=r"none.pt cannot be read"):
        read_weights(tmp_path / "none.pt")
