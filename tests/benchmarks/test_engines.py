"""The benchmark of the engines: every variant trains the same thing, and its figures are what they say."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
import torch

from benchmarks.engines import ceilings, timing
from benchmarks.engines.__main__ import _cases, main
from benchmarks.engines.accuracy import float64_error
from benchmarks.engines.images import facts_of, random_images
from benchmarks.engines.loop import Curve, Stop, memory_epochs, train_loop
from benchmarks.engines.lsq_of_ops import fake_quantize
from benchmarks.engines.measure import Case, run_cases
from benchmarks.engines.options import parse
from benchmarks.engines.ours import train_members
from benchmarks.engines.rows import model_epochs_per_h, rows_of
from benchmarks.engines.timing import StepClock
from benchmarks.engines.traffic import BMM, EAGER, FUSED, Passes, Traffic, activation_bytes, operations
from benchmarks.engines.variants import Variant, base_run, mixed, solo, variants
from sweep.config.run import RunConfig
from sweep.data.device import ImageData
from sweep.models import build_model
from sweep.quantizers.lsq.quantizer import LSQ
from sweep.training.array.layout import layers_of

CPU = torch.device("cpu")
ON_CPU = ["loop+loader", "loop+memory", "plain", "grouped", "vmap", "array", "array"]
SMALL = (
    "--device cpu --architectures 1x1 --batch-size 8 --train-size 32 --test-size 8 --seconds 0.001 --repeats 2 "
    "--sizes 1,2 --members-of-others 2 --precisions fp64 --epochs 0"
)


def test_every_variant_has_a_row_and_trains_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ceilings.MATRIX_SIZE, "cpu", 64)
    monkeypatch.setitem(ceilings.COPIED_BYTES, "cpu", 64)
    rows = main([*SMALL.split(), "--out", str(tmp_path)])
    assert [row["variant"] for row in rows] == ON_CPU
    assert [row["error"] for row in rows] == [""] * len(rows)
    assert all(len(row["step_s_of_repeats"]) == 2 for row in rows)
    assert all(0 < row["lowest"] <= row["model_epochs_per_h"] <= row["highest"] for row in rows)
    assert all(row["float64_error"] < 1e-10 for row in rows)
    assert len(pd.read_parquet(tmp_path / "engines.parquet")) == len(rows)
    table = (tmp_path / "engines.md").read_text()
    assert all(f"\n| {name} | fp64 |" in table for name in ON_CPU)


def test_an_unknown_variant_is_named_with_those_that_exist() -> None:
    with pytest.raises(SystemExit, match=r"--variants triton: allowed are loop\+loader, .*, array"):
        _cases(parse(["--device", "cpu", "--variants", "triton"], ""), (8, 2), 128, CPU)


def changed(train: partial[list[Curve]], runs: Sequence[RunConfig], *rest: object) -> list[Curve]:
    return train([dataclasses.replace(run, lr=run.lr * 1.001) for run in runs], *rest)


@pytest.mark.parametrize("index", range(len(variants(CPU, (1,), 2))))
def test_the_float64_error_sees_a_learning_rate_off_by_a_thousandth(index: int) -> None:
    variant = variants(CPU, (1,), 2)[index]
    other = dataclasses.replace(variant, checked=partial(changed, variant.checked))
    assert float64_error(other, "fp64", CPU) > 1e-8


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_lsq_of_autograd_operations_is_ours_off_the_clip_boundary(bits: int) -> None:
    weight, upstream = torch.randn(2, 40, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(bits))
    ours = LSQ(weight, bits)
    weight = (20 * weight).requires_grad_()  # beyond the clip on both sides, at 8 bits too
    scaled = weight / ours.step_size
    assert scaled.min() < ours.qmin
    assert scaled.max() > ours.qmax
    theirs = fake_quantize(weight, ours.step_size, ours.qmin, ours.qmax, ours.grad_scale)
    torch.testing.assert_close(ours(weight), theirs, rtol=1e-12, atol=1e-12)
    of_ours, of_theirs = (
        torch.autograd.grad(out, (weight, ours.step_size), upstream) for out in (ours(weight), theirs)
    )
    torch.testing.assert_close(of_ours, of_theirs, rtol=1e-12, atol=1e-12)


def test_traffic_is_that_of_shapes_counted_by_hand() -> None:
    """MB per step of bf16 activations, as counted before this code: eager, compiled, BN fused into the products."""
    counted = {(8, 2): (974, 678, 419), (10, 3): (1276, 889, 550), (12, 4): (1549, 1079, 667)}
    compiled = Traffic(Passes(11, 3), Passes(11, 3), Passes(10, 2), 0, 0)
    for (width, depth), expected in counted.items():
        layers = layers_of(build_model(base_run(width, depth, 128, "bf16"), 3, 10, (32, 32)), 32, 32)
        found = [activation_bytes(layers, traffic, 128, 2) for traffic in (EAGER, compiled, FUSED)]
        assert [round(each / 1e6) for each in found] == list(expected)


def test_columns_are_what_the_batched_products_move_besides() -> None:
    layers = layers_of(build_model(base_run(8, 2, 128, "bf16"), 3, 10, (32, 32)), 32, 32)
    without = BMM._replace(strided=BMM.strided._replace(columns=0), first=BMM.first._replace(columns=0))
    extra = activation_bytes(layers, BMM, 1, 2) - activation_bytes(layers, without, 1, 2)
    assert extra == 2 * (3 * 256 * 27 + 5 * 64 * 1800)


def test_figures_of_a_row() -> None:
    facts = facts_of(random_images(1, 1))
    case = Case(variants(CPU, (2,), 2)[-1], base_run(8, 2, 128, "fp32"), 2, step_s=[0.1, 0.4, 0.2])
    assert model_epochs_per_h(case, 0.1) == pytest.approx(3600 * 2 / (391 * 0.1))
    assert operations(case.base, facts) == pytest.approx(6 * 50.2e6 * 128, rel=1e-3)
    (row,) = rows_of([case], facts, {"fp32": 1e12}, 1e11)
    assert row["model_epochs_per_h"] == pytest.approx(3600 * 2 / (391 * 0.2))
    assert row["lowest"] == pytest.approx(row["model_epochs_per_h"] / 2)
    assert row["highest"] == pytest.approx(row["model_epochs_per_h"] * 2)
    assert row["tflops"] == pytest.approx(2 * 6 * 50.2e6 * 128 / 0.2 / 1e12, rel=1e-3)


def test_times_loop_compares_within_repeats() -> None:
    base = base_run(8, 2, 128, "fp32")
    every = variants(CPU, (2,), 2)
    loop = Case(every[0], base, 1, step_s=[1.0, 2.0, 8.0])
    array = Case(every[-1], base, 2, step_s=[1.0, 1.0, 2.0])
    rows = rows_of([loop, array], facts_of(random_images(1, 1)), {"fp32": 1e12}, 1e11)
    assert [row["times_loop"] for row in rows] == [1.0, 4.0]  # of 2, 4 and 8


def test_a_variant_that_fails_is_a_row_with_its_error() -> None:
    def fail(runs: Sequence[RunConfig], data: ImageData, device: torch.device, stop: Stop) -> list[Curve]:
        raise torch.OutOfMemoryError("no | memory\nand more")

    base, arrays = base_run(1, 1, 8, "fp32"), random_images(16, 8)
    works = partial(train_loop, source=memory_epochs)
    cases = [Case(Variant("it", train, train, EAGER, solo, (1,)), base, 1) for train in (fail, works)]
    run_cases(cases, ImageData(arrays, base, CPU), facts_of(arrays), 2, 0.001)
    assert [case.error for case in cases] == ["OutOfMemoryError: no | memory", ""]
    failed, worked = rows_of(cases, facts_of(arrays), {"fp32": 1e12}, 1e11)
    assert failed["model_epochs_per_h"] is None
    assert worked["model_epochs_per_h"] > 0


def test_a_step_of_an_array_is_one_step_of_the_clock() -> None:
    base, asked = base_run(1, 1, 8, "fp32"), []

    def stop() -> bool:
        asked.append(1)
        return len(asked) == 5

    train_members(mixed(base, 3), ImageData(random_images(32, 8), base, CPU), CPU, stop, "torch")
    assert len(asked) == 5


def test_the_clock_times_only_steps_after_warming_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(timing.time, "process_time", lambda: now[0])
    clock = StepClock(seconds=10.0, device=CPU)
    for step_s in (100.0, 2.0, *[4.0] * 4):  # warming up, calibrating, timed
        now[0] += step_s
        assert not clock()
    now[0] += 4.0
    assert clock()
    assert clock.step_s() == 4.0


def test_the_clock_says_when_training_ended_too_early() -> None:
    clock = StepClock(seconds=10.0, device=CPU)
    clock()
    with pytest.raises(RuntimeError, match="ended after 1 steps, before it was timed"):
        clock.step_s()
