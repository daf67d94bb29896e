"""Training with each quantizer: it learns, and it can be interrupted."""

from pathlib import Path
from typing import Any

import pytest

from sweep.data.arrays import ImageArrays
from sweep.training.progress import Interrupted
from tests.config.each_quantizer import EACH_QUANTIZER
from tests.conftest import StopAfter
from tests.training.quantized import CASES, TEMPERING, trained


def test_every_quantizer_is_trained() -> None:
    assert {case.get("quantizer", "lsq") for case in CASES.values()} == set(EACH_QUANTIZER)


@pytest.mark.parametrize("name", CASES)
def test_it_learns(name: str, digit_arrays: ImageArrays) -> None:
    size = {"train_subset": 0, "test_subset": 0, "width": 8, "epochs": 6}
    result = trained(digit_arrays, CASES[name] | size)
    assert result["status"] == "finished"
    assert result["test_acc"] > 0.8
    assert result["step_sizes_clamped"] == 0


@pytest.mark.parametrize("changes", [{"tempering_c": 0.0}, {"quantizer": "lsq"}])
def test_tempering_without_noise_is_lsq(changes: dict[str, Any], digit_arrays: ImageArrays) -> None:
    assert trained(digit_arrays, TEMPERING | changes) == trained(digit_arrays, {})
    assert trained(digit_arrays, TEMPERING) != trained(digit_arrays, {})


def test_lsq_at_32_bits_is_no_quantizer(digit_arrays: ImageArrays) -> None:
    none = trained(digit_arrays, {"quantizer": "none", "bits": 32})
    assert trained(digit_arrays, {"quantizer": "lsq", "bits": 32, "act_bits": 32}) == none


@pytest.mark.parametrize("calls", [1, 6, 12])  # in the first epoch, later, at the very end
@pytest.mark.parametrize("name", ["noise_tempering", "diffq", "vvtq", "lsq, images, N of the batch", "dorefa_pact"])
def test_interrupted_and_resumed_equals_uninterrupted(
    name: str, calls: int, digit_arrays: ImageArrays, tmp_path: Path, stop_after: StopAfter
) -> None:
    whole = trained(digit_arrays, CASES[name])
    with pytest.raises(Interrupted):
        trained(digit_arrays, CASES[name], checkpoint=tmp_path / "run.pt", stop=stop_after(calls))
    assert trained(digit_arrays, CASES[name], checkpoint=tmp_path / "run.pt") == whole


@pytest.mark.parametrize("name", ["noise_tempering", "diffq"])
def test_noise_repeats(name: str, digit_arrays: ImageArrays) -> None:
    first, again = (trained(digit_arrays, CASES[name]) for _ in range(2))
    assert first == again


@pytest.mark.parametrize("precision", ["bf16", "fp64"])
@pytest.mark.parametrize("name", ["lsq, activations", "lsq_plus", "dorefa_pact", "saq", "noise_tempering"])
def test_other_precisions(name: str, precision: str, digit_arrays: ImageArrays) -> None:
    result = trained(digit_arrays, CASES[name] | {"precision": precision})
    exact = trained(digit_arrays, CASES[name])
    assert result["curve"][0]["batch_loss"] == pytest.approx(exact["curve"][0]["batch_loss"], rel=0.1)
