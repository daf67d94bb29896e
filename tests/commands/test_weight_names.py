"""What the user asks for as initial weights and teacher, and the exact weights that runs get; by the command too."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from sweep.commands.weight_names import WeightNames, twin_command
from sweep.config.checks import ConfigError
from sweep.config.facts import DataFacts
from sweep.config.run import RunConfig, make_run
from sweep.config.settings import Settings
from sweep.results.paths import ResultsDir
from sweep.results.rows import rows_store
from sweep.run import COMMAND
from sweep.training.fitting import shapes_of
from sweep.worker.weight_files import fetch_pretrained, pretrained_path, teacher_run, weights_file
from tests.conftest import TINY, tiny_run
from tests.rows_of import row_of
from tests.sweeps import SMALL, run

FACTS = {
    "digits": DataFacts(1442, 355, 1, 8, 8, 10),
    "birds": DataFacts(1000, 100, 3, 32, 32, 10),
    "other": DataFacts(1442, 355, 1, 8, 8, 10),
}
RECORDED = [
    "lr=0.1", "seed=4", "bits=2,4", "initial_weights=full_precision", "crops=2", "++full_precision.epochs=7",
    "hydra/launcher=slurm", "hydra/sweeper=optuna", "++hydra.sweeper.n_trials=3", "hydra.mode=MULTIRUN",
]  # fmt: skip
POINT = TINY | {"initial_weights": "random", "teacher": "none", "teacher_model": ""}


def keep(results_dir: Path, run: RunConfig, has_row: bool = True, classes: int = 10) -> None:
    """What a trained run leaves, as far as it matters here."""
    path = ResultsDir(results_dir).weights(run.run_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    best = {name: torch.zeros(shape) for name, shape in shapes_of(run, 1, classes, (8, 8)).items()}
    torch.save({"initial": best, "best": best}, path)
    if has_row:
        rows_store(results_dir).write(run.run_id, [row_of(run)])


def found_run(results_dir: Path, point: dict[str, Any], **settings: Any) -> RunConfig:
    names = WeightNames(Settings(results_dir=str(results_dir), **settings), FACTS, twin_command(RECORDED, "-m"))
    return make_run(names.exact(POINT | point))


def test_random_weights_need_nothing(tmp_path: Path) -> None:
    assert found_run(tmp_path / "none", {}) == tiny_run()


@pytest.mark.parametrize("key", ["initial_weights", "teacher"])
def test_the_start_of_an_id_is_enough(key: str, tmp_path: Path) -> None:
    source = tiny_run(bits=32)
    keep(tmp_path, source)
    found = found_run(tmp_path, {key: f"run:{source.run_id[:6]}"})
    assert getattr(found, key) == f"run:{source.run_id}"
    assert found == found_run(tmp_path, {key: f"run:{source.run_id}"})
    assert weights_file(key, getattr(found, key), Settings(str(tmp_path))) == ResultsDir(tmp_path).weights(
        source.run_id
    )


def test_the_twin_is_the_same_run_at_full_precision(tmp_path: Path) -> None:
    """Whatever its quantizer, with one crop and without a teacher; other values where they are said to be others."""
    keep(tmp_path, tiny_run(bits=32, augmentation="crop"))
    keep(tmp_path, tiny_run(bits=32, augmentation="crop", lr=0.5, epochs=9))
    point = {
        "bits": 2, "quantizer": "saq", "augmentation": "crop", "crops": 2, "initial_weights": "full_precision",
        "teacher": "full_precision", "temperature": 2.0,
    }  # fmt: skip
    one = found_run(tmp_path, point)
    assert one.initial_weights == one.teacher == f"run:{tiny_run(bits=32, augmentation='crop').run_id}"
    other = found_run(tmp_path, point | {"full_precision": {"lr": 0.5, "epochs": 9}})
    assert other.teacher == f"run:{tiny_run(bits=32, augmentation='crop', lr=0.5, epochs=9).run_id}"
    rows = {row["run_id"]: row for row in rows_store(tmp_path).read().to_pylist()}
    assert teacher_run(other, rows) == tiny_run(bits=32, augmentation="crop", lr=0.5, epochs=9)


def test_a_file_is_named_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "w.pt"
    torch.save({name: torch.ones(shape) for name, shape in shapes_of(tiny_run(), 1, 10, (8, 8)).items()}, file)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    files = {"initial_weights_file": str(file), "teacher_file": str(file)}
    found = found_run(tmp_path, {"initial_weights": "file", "teacher": "file"}, **files)
    assert found.initial_weights == found.teacher == f"file:{sha256}"
    teacher = teacher_run(found, {})
    assert (teacher.model, teacher.bits, teacher.quantizer, teacher.width) == ("nin", 32, "none", found.width)
    settings = Settings(str(tmp_path), **files)
    assert weights_file("teacher", found.teacher, settings) == file
    file.write_bytes(b"else")
    with pytest.raises(ConfigError, match=r"initial_weights_file=.*w.pt has changed: its sha256 is"):
        weights_file("initial_weights", found.initial_weights, settings)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """torch.hub's folder with weights for ResNet-18, of zeros."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    path = pretrained_path("ResNet18_Weights.IMAGENET1K_V1")
    path.parent.mkdir(parents=True)
    shapes = shapes_of(tiny_run(model="resnet18"), 3, 1000, (224, 224))
    torch.save({name: torch.zeros(shape) for name, shape in shapes.items()}, path)
    return path


def test_pretrained_weights_are_torchvisions(hub: Path, tmp_path: Path) -> None:
    assert hub.name == "resnet18-f37072fd.pth"
    found = found_run(tmp_path, {"model": "resnet18", "dataset": "birds", "initial_weights": "pretrained"})
    assert found.initial_weights == "pretrained:ResNet18_Weights.IMAGENET1K_V1"
    assert weights_file("initial_weights", found.initial_weights, Settings(str(tmp_path))) == hub


def test_a_pretrained_teacher_knows_its_own_classes_only(hub: Path, tmp_path: Path) -> None:
    point = {"model": "resnet34", "dataset": "birds", "teacher": "pretrained", "teacher_model": "resnet18"}
    with pytest.raises(
        ConfigError, match=r"teacher=pretrained:ResNe: .* do not fit model=resnet18 for 10 classes: 2 of"
    ):
        found_run(tmp_path, point)


def test_without_a_network_it_is_said_which_file_to_put_where(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*arguments: object, **options: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    message = (
        r"\(no route to host\): put https://download.pytorch.org/models/resnet34-\w+.pth at .*/checkpoints/resnet34"
    )
    with pytest.raises(ConfigError, match=message):
        fetch_pretrained("ResNet34_Weights.IMAGENET1K_V1")


KEPT = tiny_run(bits=32)
BARE = tiny_run(bits=32, lr=0.7)
WIDE = tiny_run(bits=32, width=5)
ELSEWHERE = tiny_run(bits=32, dataset="other")


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ({"initial_weights": "run:0"}, r"initial_weights=run:0: no runs in .* have it; give the column run_id"),
        (
            {"teacher": f"run:{BARE.run_id}"},
            r"the run kept no weights in .*; train it with keep_weights=true, into anot",
        ),
        ({"initial_weights": "full_precision", "lr": 0.7}, r"has a row but kept no .* into another results_dir, which"),
        (
            {"initial_weights": "full_precision", "seed": 4},
            r"run \w{12}, which is this one at full precision, kept no weights in .*/weights. This trains such runs: "
            r"python -m sweep.run -m lr=0.1 seed=4 hydra/launcher=slurm bits=32 epochs=7 keep_weights=true",
        ),
        ({"initial_weights": "file"}, r"initial_weights=file needs a value: give initial_weights_file=..."),
        ({"teacher": "file"}, r"teacher_file=/nowhere/t.pt: there is no such file"),
        (
            {"initial_weights": "pretrained"},
            r"initial_weights=pretrained with nin: torchvision has weights of resnet18, ",
        ),
        (
            {"initial_weights": f"run:{WIDE.run_id}"},
            r"initial_weights=run:\w{12}: the tensors of .* do not fit model=nin",
        ),
        ({"teacher": f"run:{ELSEWHERE.run_id}"}, r"teacher=run:\w{12} was trained on other, and does not know digits"),
    ],
)
def test_what_cannot_be_given(point: dict[str, Any], message: str, tmp_path: Path) -> None:
    for each in (KEPT, WIDE, ELSEWHERE):
        keep(tmp_path, each)
    rows_store(tmp_path).write(BARE.run_id, [row_of(BARE)])
    with pytest.raises(ConfigError, match=message):
        found_run(tmp_path, point, teacher_file="/nowhere/t.pt")


def test_a_wider_teacher_is_one(tmp_path: Path) -> None:
    keep(tmp_path, WIDE)
    assert found_run(tmp_path, {"teacher": f"run:{WIDE.run_id[:9]}"}).teacher == f"run:{WIDE.run_id}"


def test_a_teacher_without_its_row_is_refused(tmp_path: Path) -> None:
    keep(tmp_path, KEPT, has_row=False)
    assert found_run(tmp_path, {"initial_weights": "full_precision"}).initial_weights == f"run:{KEPT.run_id}"
    with pytest.raises(ConfigError, match=r"has its weights and not its row"):
        found_run(tmp_path, {"teacher": "full_precision"})


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (
            "full_precision.lrr=1",
            r"full_precision.lrr=1: there is no such key; did you mean full_precision.lr\? Values of full-precision "
            r"runs: full_precision.dataset, ",
        ),
        ("full_precision.bits=4", r"full_precision.bits=4: there is no such key"),
        ("full_precision.lr=1,2", r"full_precision.lr=1,2: one value is needed"),
    ],
)
def test_impossible_values_of_full_precision_runs(argument: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        COMMAND.for_hydra([argument])


def test_values_of_full_precision_runs_reach_hydra() -> None:
    assert COMMAND.for_hydra(["full_precision.milestones=[1,2]"]) == ["++full_precision.milestones=[1,2]"]


GRID = ["-m", *SMALL, "base_width=4", "optimizer=sgd", "weight_decay=0", "lr=0.1"]


def trained(results_dir: Path, *arguments: str) -> pd.DataFrame:
    done = run(*GRID, *arguments, f"results_dir={results_dir}", env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    return pd.read_parquet(results_dir / "rows").set_index("run_id")


def test_all_of_it_by_the_command(tmp_path: Path) -> None:
    """Full precision, then VVTQ from its weights with it as a teacher, live and stored."""
    before = trained(tmp_path, "bits=32", "keep_weights=true")
    (source,) = before.index
    ours = ["quantizer=vvtq", "initial_weights=full_precision", "teacher=full_precision", "soft_label_classes=5"]
    ours += ["augmentation=resized_crop_flip"]
    crops = ["crops=2", "crop_pool=4", "teacher_labels=live,cached", "full_precision.augmentation=none", "bits=2"]
    taught = trained(tmp_path, *ours, *crops).drop(index=source)
    assert set(taught["teacher"]) == set(taught["initial_weights"]) == {f"run:{source}"}
    assert set(taught["status"]) == {"finished"}
    assert len(list((tmp_path / "cache" / "labels").iterdir())) == 1
    losses = taught.set_index("teacher_labels")["train_loss"]
    assert losses["cached"] == pytest.approx(losses["live"], rel=1e-3)
