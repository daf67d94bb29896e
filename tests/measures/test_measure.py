"""The whole measurement of a trained run."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from sweep.config.measuring import make_measure_config
from sweep.config.part_classes import Quantizer
from sweep.config.parts import part_of
from sweep.config.run import RunConfig
from sweep.data import load_files
from sweep.data.arrays import ImageArrays
from sweep.data.device import ImageData
from sweep.data.streamed import StreamedData
from sweep.measures.bounds import BOUNDS, SCALES
from sweep.measures.bounds.bounds import Bounds
from sweep.measures.measurement import measure
from sweep.measures.quantization.measure import quantization_error
from sweep.measures.space import Batching
from sweep.quantizers.placement import quantize
from sweep.results.schema import MEASURES
from sweep.training.evaluate import evaluate
from sweep.training.plain import train
from sweep.training.progress import TrainOptions
from sweep.training.state import initial_model
from tests.conftest import tiny_run
from tests.data.files_of import write_photographs

CPU = torch.device("cpu")
FAST = {
    "noise_samples": 2, "restarts": 2, "ascent_steps": 2, "ascent_images": 50, "search_steps": 8,
    "hessian_iterations": 5, "linf_dimensions": 3, "linf_iterations": 2, "curvature_images": 60,
    "regularizer_images": 10, "landscape_points": 3,
}  # fmt: skip
RUN = {"epochs": 15, "milestones": [10], "width": 3, "train_subset": 400, "batch_size": 32}


@pytest.fixture(scope="module")
def kept(digit_arrays: ImageArrays, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Any]:
    """Per bit width: the run, its data, its kept weights and its row."""
    found = {}
    for bits in (2, 32):
        run = tiny_run(bits=bits, **RUN)
        data, path = ImageData(digit_arrays, run, CPU), tmp_path_factory.mktemp("weights") / "w.pt"
        row = train(run, data, CPU, TrainOptions(code="test", weights=path)).columns()
        found[bits] = (run, data, torch.load(path, weights_only=True), row)
    return found


def measured(kept: dict[int, Any], bits: int, batching: Batching | None = None, **changes: Any) -> dict[str, Any]:
    run, data, state, _ = kept[bits]
    return measure(state, run, data, CPU, make_measure_config(FAST | changes), batching or Batching())


FORM_COLUMNS = {
    "l2_norm", "distance", "train_acc", "train_loss", "threshold_missed", *SCALES, *BOUNDS, "history", "landscape",
    *(f"{name}_{flag}" for name in SCALES for flag in ("converged", "saturated")),
    "hessian_eigenvalue", "hessian_converged", "hessian_iterations", "linf_box", "linf_subspace",
}  # fmt: skip
RUN_COLUMNS = {
    "weights", "train_size", "layers", "step_sizes", "quantization_error", "regularizer_uniform",
    "regularizer_actual",
}  # fmt: skip


@pytest.mark.parametrize("bits", [2, 32])
def test_every_precision_has_the_same_columns(bits: int, kept: dict[int, Any]) -> None:
    row, trained = measured(kept, bits), kept[bits][3]
    assert set(row) == RUN_COLUMNS | {f"{form}_{name}" for form in ("raw", "folded") for name in FORM_COLUMNS}
    assert set(row) < {column.name for column in MEASURES.columns}
    assert (row["weights"], row["train_size"]) == (9 * 6 + 4 * 36 + 9 * 36 + 60, 400)
    for form in ("raw", "folded"):
        assert row[f"{form}_train_acc"] == trained["train_acc"]
        assert row[f"{form}_train_loss"] == pytest.approx(trained["train_loss"], rel=1e-5)
        assert not row[f"{form}_threshold_missed"]
        assert all(math.isfinite(row[f"{form}_{name}"]) for name in (*SCALES, *BOUNDS, "hessian_eigenvalue"))
        assert {record["search"] for record in row[f"{form}_history"]} == set(SCALES)
        assert len(row[f"{form}_landscape"]) == 9
        assert row[f"{form}_landscape"][4]["x"] == row[f"{form}_landscape"][4]["y"] == 0
        assert len(row[f"{form}_linf_box"]) == len(row[f"{form}_linf_subspace"]) == 2
        assert all(value >= 0 for value in row[f"{form}_linf_box"])
    assert row["raw_history"][0]["scale"] == 1.0


def test_norms_step_sizes_and_quantization_error(kept: dict[int, Any]) -> None:
    run, data, state, _ = kept[2]
    model = quantize(initial_model(run, data), run)
    model.load_state_dict(state["best"])
    row = measured(kept, 2)
    norm2 = distance2 = folded2 = error = count = 0.0
    for name, step in zip(row["layers"], row["step_sizes"], strict=True):
        path = name.removesuffix(".weight")
        latent = state["best"][f"{path}.parametrizations.weight.original"].double()
        assert step == state["best"][f"{path}.parametrizations.weight.0.step_size"].item()
        quantized = (latent / step).clamp(-2, 1).round() * step
        bn = model.get_submodule(path[:-1] + "1")
        gain = bn.weight.double() / (bn.running_var.double() + bn.eps).sqrt()  # type: ignore[union-attr, operator]
        norm2 += (quantized**2).sum().item()
        folded2 += ((quantized * gain[:, None, None, None]) ** 2).sum().item()
        distance2 += ((quantized - state["initial"][name].double()) ** 2).sum().item()
        error += (quantized - latent).abs().sum().item()
        count += latent.numel()
    assert row["raw_l2_norm"] == pytest.approx(math.sqrt(norm2), rel=1e-6)
    assert row["folded_l2_norm"] == pytest.approx(math.sqrt(folded2), rel=1e-6)
    assert row["raw_distance"] == pytest.approx(math.sqrt(distance2), rel=1e-6)
    assert row["quantization_error"] == pytest.approx(error / count, rel=1e-5)
    assert row["regularizer_uniform"] > 0 and row["regularizer_actual"] > 0


def test_full_precision_has_no_step_size_and_no_quantization_error(kept: dict[int, Any]) -> None:
    row = measured(kept, 32)
    assert row["layers"] == row["step_sizes"] == []
    assert row["quantization_error"] is row["regularizer_uniform"] is row["regularizer_actual"] is None
    assert quantization_error({}) is None


def test_the_eight_measures_are_those_of_the_weights_and_scales_found(kept: dict[int, Any]) -> None:
    """At full precision, raw, where both are at hand."""
    state, row = kept[32][2], measured(kept, 32)
    names = [name for name in state["initial"] if name.endswith("0.weight")]
    w, w0 = (torch.cat([state[of][name].flatten() for name in names]) for of in ("best", "initial"))
    expected = Bounds(w, w0, 400, make_measure_config(FAST)).printed({name: row[f"raw_{name}"] for name in SCALES})
    assert {name: row[f"raw_{name}"] for name in BOUNDS} == pytest.approx(expected, rel=1e-12)
    assert row["raw_distance"] == pytest.approx((w.double() - w0.double()).norm().item(), rel=1e-12)


def searched(row: dict[str, Any]) -> dict[str, Any]:
    names = (*SCALES, *BOUNDS, *(f"{name}_converged" for name in SCALES))
    return {f"{form}_{name}": row[f"{form}_{name}"] for form in ("raw", "folded") for name in names}


@pytest.mark.parametrize("changes", [{}, {"perturbed": "all", "magnitude_noise": "theory"}])
def test_a_measurement_repeats_whatever_is_computed_at_once(changes: dict[str, Any], kept: dict[int, Any]) -> None:
    whole = measured(kept, 2, **changes)
    assert measured(kept, 2, **changes) == whole
    assert searched(measured(kept, 2, Batching(7, 1e-9), **changes)) == searched(whole)


def test_other_settings_give_other_numbers(kept: dict[int, Any]) -> None:
    """Each changes what it should, and norms never."""
    row = measured(kept, 2)
    fine = {"tolerance": 1e-3, "search_steps": 15}
    for changes, columns in (
        ({"seed": 1}, ("raw_hessian_eigenvalue", "raw_linf_subspace", "regularizer_uniform")),
        (fine, ("raw_sigma",)),
        ({"magnitude_noise": "peer"}, ("raw_sigma_mag",)),
        ({"log_argument": "paper"}, ("raw_pacbayes_orig",)),
        ({"perturbed": "all"}, ("raw_hessian_eigenvalue",)),
        ({"linf_radii": [0.01]}, ("raw_linf_box",)),
    ):
        changed = measured(kept, 2, **changes)
        assert all(changed[name] != row[name] for name in columns), changes
        assert changed["raw_l2_norm"] == row["raw_l2_norm"]


def test_latent_weights_have_no_folded_search(kept: dict[int, Any]) -> None:
    row = measured(kept, 2, centre="latent")
    assert row["raw_sigma"] is not None and row["raw_pacbayes_init"] is not None
    assert row["raw_train_acc"] == kept[2][3]["train_acc"]
    assert all(row[f"folded_{name}"] is None for name in (*SCALES, *BOUNDS, "train_acc", "threshold_missed"))
    assert row["folded_history"] == []
    assert set(row) == set(measured(kept, 2))
    latent = measured(kept, 32, centre="latent")
    assert latent["raw_sigma"] == measured(kept, 32)["raw_sigma"]


def test_a_threshold_that_the_unperturbed_model_misses_is_marked(kept: dict[int, Any]) -> None:
    row = measured(kept, 2, threshold="error", target=0.02, tolerance=0.01)
    assert kept[2][3]["train_acc"] < 0.98
    for form in ("raw", "folded"):
        assert row[f"{form}_threshold_missed"]
        assert all(row[f"{form}_{name}"] is None for name in (*SCALES, *BOUNDS))
        assert not any(row[f"{form}_{name}_{flag}"] for name in SCALES for flag in ("converged", "saturated"))
        assert row[f"{form}_history"] == [] and row[f"{form}_l2_norm"] > 0


def test_the_kept_weights_are_left_alone(kept: dict[int, Any]) -> None:
    state = kept[2][2]
    before = {name: tensor.clone() for name, tensor in state["best"].items()}
    measured(kept, 2)
    assert all(torch.equal(state["best"][name], before[name]) for name in before)


def test_accuracy_is_that_of_training(kept: dict[int, Any]) -> None:
    run, data, state, _ = kept[2]
    assert isinstance(run, RunConfig)
    model = quantize(initial_model(run, data), run)
    model.load_state_dict(state["best"])
    assert measured(kept, 2)["raw_train_acc"] == evaluate(model, data, data.train, "fp32").acc


@pytest.mark.parametrize(
    "quantizer",
    [
        {"quantizer": "noise_tempering", "tempering_c": 0.2, "tempering_k": 50.0},
        {"quantizer": "dorefa"},
        {"quantizer": "diffq", "diffq_noise": "normal"},
        {"quantizer": "lsq", "act_bits": 4},
        {"quantizer": "saq", "act_bits": 4},
        {"quantizer": "dorefa_pact", "act_bits": 4, "pact_alpha": 10.0},
        {"quantizer": "pact", "bits": 32, "act_bits": 4, "pact_alpha": 10.0},
    ],
    ids=lambda quantizer: quantizer["quantizer"],
)
def test_any_quantizer_is_measured_as_it_was_evaluated(
    quantizer: dict[str, Any], digit_arrays: ImageArrays, tmp_path: Path
) -> None:
    run = tiny_run(**(RUN | {"epochs": 2, "milestones": []} | {"bits": 4} | quantizer))
    data, path = ImageData(digit_arrays, run, CPU), tmp_path / "w.pt"
    trained = train(run, data, CPU, TrainOptions(code="test", weights=path)).columns()
    config = make_measure_config(FAST | {"landscape_points": 0})
    row = measure(torch.load(path, weights_only=True), run, data, CPU, config)
    for form in ("raw", "folded"):
        assert row[f"{form}_train_loss"] == pytest.approx(trained["train_loss"], rel=1e-4)
        assert math.isfinite(row[f"{form}_hessian_eigenvalue"]) and row[f"{form}_hessian_eigenvalue"] != 0
    learns_step_sizes = part_of(Quantizer, quantizer["quantizer"]).learns_step_sizes
    assert (row["quantization_error"] is not None) == learns_step_sizes == bool(row["step_sizes"])
    assert (row["regularizer_uniform"] is not None) == (learns_step_sizes and "act_bits" not in quantizer)


def test_a_part_of_the_images_in_memory_or_decoded_for_it(kept: dict[int, Any], tmp_path: Path) -> None:
    row = measured(kept, 2, train_images=150)
    assert row["train_size"] == 150 and row["raw_train_loss"] != measured(kept, 2)["raw_train_loss"]
    files = load_files(write_photographs(tmp_path / "photographs"))
    run = tiny_run(augmentation="file_crop_flip", train_subset=0, test_subset=0, batch_size=8, epochs=3)
    data, path = StreamedData(files, run, CPU, workers=0), tmp_path / "w.pt"
    trained = train(run, data, CPU, TrainOptions(code="test", weights=path)).columns()
    state = torch.load(path, weights_only=True)
    whole, part = (measure(state, run, data, CPU, make_measure_config(FAST | {"train_images": n})) for n in (24, 10))
    assert whole["raw_train_loss"] == pytest.approx(trained["train_loss"], rel=1e-5)
    assert (whole["train_size"], part["train_size"]) == (24, 10)
