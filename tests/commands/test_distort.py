"""`sweep.distort` as a user types it: what it writes, what it leaves out, what it refuses."""

import math
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sweep import distort as command
from sweep import run as train
from sweep.commands.observe import find_sweeps
from sweep.commands.trained import finished_runs
from sweep.config.checks import ConfigError
from sweep.data.arrays import ImageArrays
from sweep.data.resized import central_crop
from sweep.distort import COMMAND
from sweep.failures import describe as describe_failures
from sweep.results.select import Selection
from sweep.status import describe as describe_status
from tests.data.files_of import SIDE, write_photographs
from tests.inline import run_inline
from tests.sweeps import SMALL

CONDITIONS = ["corruption=gaussian_noise,pixelate", "severity=1,5"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs at 2, 4 and 32 bits, with and without quantized activations; all but one kept their weights."""
    results_dir = tmp_path_factory.mktemp("trained") / "r"
    sweep = ["-m", *SMALL, "optimizer=sgd", "lr=0.1", "weight_decay=0", "keep_weights=true", "bits=2,4,32"]
    with pytest.MonkeyPatch.context() as monkeypatch:
        run_inline(train, monkeypatch, *sweep, "act_bits=32,8", "workers=1", f"results_dir={results_dir}")
    rows = pd.read_parquet(results_dir / "rows").query("bits == 4 and act_bits == 8")
    (results_dir / "weights" / f"{rows['run_id'].iloc[0]}.pt").unlink()
    return results_dir


@pytest.fixture
def results(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "r", symlinks=True)
    return tmp_path / "r"


@pytest.fixture
def distort(results: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    return lambda *arguments: run_inline(command, monkeypatch, f"results_dir={results}", "workers=1", *arguments)


def rows_of(results: Path) -> pd.DataFrame:
    return pd.read_parquet(results / "distortions").sort_values(["run_id", "corruption", "severity"], ignore_index=True)


def test_every_run_gets_a_row_per_condition(results: Path, distort, capsys: pytest.CaptureFixture[str]) -> None:
    distort(*CONDITIONS)
    said = capsys.readouterr().out
    rows, runs = rows_of(results), pd.read_parquet(results / "rows")
    assert "6 runs on 4 sets of corrupted images each" in said and "kept no weights in" in said
    assert "20 of 20 runs done" in said and "corrupting images of digits: 400 of 400" in said
    assert len(rows) == 20 == rows["task_id"].nunique() and set(rows["status"]) == {"finished"}
    assert rows["run_id"].nunique() == 5 and set(rows["run_id"]) < set(runs["run_id"])
    assert set(zip(rows["corruption"], rows["severity"], strict=True)) == {
        (name, severity) for name in ("gaussian_noise", "pixelate") for severity in (1, 5)
    }
    assert set(rows["images"]) == {100} and set(rows["corruption_source"]) == {"generated"}
    assert set(rows["corruption_constants"]) == {"imagenet-c at 4 times the side, pixelate at 1"}
    assert rows["corruption_package"].str.startswith("imagecorruptions-imaug ").all()
    assert (rows["distorted_loss"] > 0).all() and rows["distorted_acc"].between(0, 1).all()
    recorded = ["code", "torch_version", "device", "cpu_capability", "host", "seconds", "started_at"]
    assert not rows[recorded].isna().any(axis=None)
    (sweep,) = [each for each in find_sweeps(results, "") if len(each.runs()) == 20]
    assert "finished" in describe_status(sweep) and (sweep.runs()["status"] == "finished").all()


def test_asking_for_more_evaluates_only_the_missing(results: Path, distort, capsys: pytest.CaptureFixture[str]) -> None:
    distort("bits=2", "corruption=contrast", "severity=3")
    before = rows_of(results)
    distort("bits=2", "corruption=contrast", "severity=3")
    assert "nothing to do: every run has its row" in capsys.readouterr().out
    distort("bits=2,32", "corruption=contrast", "severity=[3,4]", "corruption_seed=0,1")
    said = capsys.readouterr().out
    assert "14 of 14 runs done" in said and "cost from rows for 16 runs" in said
    rows = rows_of(results)
    assert len(rows) == 16 and set(rows["corruption_seed"]) == {0, 1}
    kept = rows[rows["task_id"].isin(before["task_id"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, before)


def test_a_network_that_cannot_be_read_fails_alone(results: Path, distort, capsys: pytest.CaptureFixture[str]) -> None:
    """Its tasks are among those that share their images with others."""
    weights = results / "weights" / f"{finished_runs(results, Selection(values={'bits': '2'}))[0].run_id}.pt"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:1000])
    with pytest.raises(SystemExit):
        distort("bits=2", "corruption=fog", "severity=2")
    rows = rows_of(results).set_index("status")
    assert rows.loc["failed", "run_id"] == weights.stem and "Traceback" in rows.loc["failed", "error"]
    assert rows.loc["failed", "corruption"] == "fog" and len(rows) == 2
    assert "1 of 2 runs failed" in "\n".join(describe_failures(sweep) for sweep in find_sweeps(results, ""))
    weights.write_bytes(whole)
    capsys.readouterr()
    distort("bits=2", "corruption=fog", "severity=2")
    assert "1 of 1 runs done" in capsys.readouterr().out and set(rows_of(results)["status"]) == {"finished"}


def test_published_images_are_taken_where_they_are(
    results: Path, distort, tmp_path: Path, digit_arrays: ImageArrays
) -> None:
    """Clean images in CIFAR-C's file give the row's own test loss."""
    np.save(tmp_path / "fog.npy", np.tile(digit_arrays.test_images, (5, 1, 1, 1)))
    np.save(tmp_path / "labels.npy", np.tile(digit_arrays.test_labels, 5))
    distort("corruption=fog", "severity=4", "corruption_seed=7", f"corruption_dir={tmp_path}")
    rows = rows_of(results).merge(pd.read_parquet(results / "rows"), on="run_id")
    assert len(rows) == 5 and (rows["distorted_loss"] == rows["test_loss"]).all()
    assert (rows["distorted_acc"] == rows["test_acc"]).all()
    given = rows[["corruption_source", "corruption_constants", "corruption_package", "corruption_seed"]]
    assert set(given.itertuples(index=False, name=None)) == {("cifar-c", "cifar-c", "", 0)}


def test_wrong_published_images_are_named_before_anything_is_evaluated(
    results: Path, distort, tmp_path: Path, digit_arrays: ImageArrays, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "fog.npy", np.tile(digit_arrays.test_images, (5, 1, 1, 1)))
    np.save(tmp_path / "labels.npy", np.tile(digit_arrays.test_labels[::-1], 5))
    cases = {
        "corruption=fog": "not the labels of digits's 355 test images five times",
        "corruption=snow": "snow.npy: not there",
    }
    for argument, message in cases.items():
        with pytest.raises(SystemExit):
            distort(argument, f"corruption_dir={tmp_path}")
        assert message in capsys.readouterr().err
    assert not (results / "distortions").exists()


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("corruption=fogg", "corruption=fogg: allowed are gaussian_noise, "),
        ("severity=6", "severity=6: allowed is a whole number from 1 to 5"),
        ("corruption_dir=/nowhere", "corruption_dir=/nowhere: no such directory"),
        ("workers=1,2", "workers=1,2: one value is needed; only corruption, severity, corruption_seed can be axes"),
        ("bits=16", "bits=16: no run has it"),
    ],
)
def test_mistakes(
    argument: str, message: str, trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run_inline(command, monkeypatch, argument, f"results_dir={trained}")
    assert message in capsys.readouterr().err and not (trained / "distortions").exists()


def test_runs_on_images_decoded_per_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On ImageNet-C's folders, here with the clean images in them, which give the loss of training; and generated."""
    source = write_photographs(tmp_path / "photos")
    images = ["data_source=image_folder", f"data_dir={source.directory}", f"image_size={source.image_size}"]
    named = ["dataset=image_folder", "dataset_name=photographs", *images[1:]]
    network = ["base_width=4", "width=2", "depth=2", "optimizer=adam", "lr=0.01", "weight_decay=0", "epochs=6"]
    train_it = ["-m", "grid=demo", *named, *network, "bits=4", "augmentation=file_crop_flip", "batch_size=8"]
    here = ["decode_workers=0", "workers=1", f"results_dir={tmp_path / 'r'}"]
    run_inline(train, monkeypatch, *train_it, *here, "keep_weights=true", "eval_every_epochs=1")
    for photo in Path(source.directory).glob("val/*/*.jpg"):
        copy = tmp_path / "c/fog/1" / photo.parent.name / f"{photo.stem}.png"
        copy.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(central_crop(Image.open(photo), SIDE)).save(copy)
    evaluate = ["-m", *images, "severity=1", *here[1:]]
    run_inline(command, monkeypatch, *evaluate, "corruption=fog", f"corruption_dir={tmp_path / 'c'}")
    run_inline(command, monkeypatch, *evaluate, "corruption=contrast")
    clean = pd.read_parquet(tmp_path / "r/rows")["test_loss"].item()
    losses = rows_of(tmp_path / "r").set_index(["corruption", "corruption_source"])["distorted_loss"]
    assert losses["fog", "imagenet-c"] == clean
    assert math.isfinite(losses["contrast", "generated"]) and losses["contrast", "generated"] != clean


def test_misspelt_keys() -> None:
    with pytest.raises(ConfigError, match=re.escape("severty=1: there is no such key; did you mean severity?")):
        COMMAND.for_hydra(["severty=1"])
    assert COMMAND.for_hydra(["seed=0,1", "-m"]) == ["+select.seed='0,1'", "-m"]
