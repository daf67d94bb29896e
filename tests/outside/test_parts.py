"""To add a quantizer, an update rule or an optimizer: one file or folder, here in a package outside of this one."""

from pathlib import Path

import pandas as pd
import pytest

from tests.outside.commands import run, sweep

QUANTIZER = {
    "__init__.py": """
from sweep.config.kinds import Quantizer
from sweep.config.parts import Hyperparameter

GAIN = Hyperparameter("gain", float, "of the levels", neutral=0.0, low=0)
PART = Quantizer("own", "two levels", weights=(GAIN,))
""",
    "quantizer.py": """
from sweep.config.run import RunConfig
from sweep.quantizers.base import Quantizer
from sweep.quantizers.straight_through import straight_through


class Signs(Quantizer):
    def __init__(self, gain: float) -> None:
        super().__init__()
        self.gain = gain

    def forward(self, weight):
        return straight_through(weight.sign() * self.gain * weight.abs().mean(), weight)


def weight_quantizer(run: RunConfig, weight, bits: int, layer: int) -> Quantizer:
    return Signs(run.gain)
""",
    "defaults.yaml": "gain: 1.0\nfirst_last: fp\n",
}
RULE = {
    "__init__.py": """
from sweep.config.kinds import Rule
from sweep.config.parts import Hyperparameter

GAIN = Hyperparameter("gain", float, "of the loss", neutral=1.0, low=0)
PART = Rule("own", "the gradient of a scaled loss", (GAIN,))
""",
    "rule.py": """
from sweep.training.updates.base import Updates


def make_updates(run, model, optimizer, scaler):
    def step(loss_of, images, labels):
        optimizer.zero_grad()
        loss = loss_of(images, labels)
        (loss * run.gain).backward()
        optimizer.step()
        return loss.detach()

    return Updates(step, step)
""",
}
OPTIMIZER = """
from sweep.config.kinds import Optimizer
from sweep.config.parts import Hyperparameter

GAIN = Hyperparameter("gain", float, "of the weights' decay", neutral=1.0, low=0)
PART = Optimizer("own", "gradient descent", (GAIN,))


def make_optimizer(groups, run, common):
    import torch

    return torch.optim.SGD(groups, **common | {"weight_decay": run.gain})
"""


def package(folder: Path, files: dict[str, str] | str) -> Path:
    """my_package with the part my_part: a folder with these files, or one file."""
    folder.mkdir()
    (folder / "my_package").mkdir()
    (folder / "my_package" / "__init__.py").touch()
    if isinstance(files, str):
        (folder / "my_package" / "my_part.py").write_text(files)
        return folder
    (folder / "my_package" / "my_part").mkdir()
    for name, text in files.items():
        (folder / "my_package" / "my_part" / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("key", "files"),
    [("quantizer", QUANTIZER), ("rule", RULE), ("optimizer", OPTIMIZER)],
    ids=["quantizer", "rule", "optimizer"],
)
def test_a_part_from_outside_is_swept_resumed_and_tabulated(
    key: str, files: dict[str, str] | str, tmp_path: Path
) -> None:
    parts, results_dir = package(tmp_path / "elsewhere", files), tmp_path / "r"
    command = (f"{key}=my_package.my_part", "gain=0.5,2")
    sweep(*command, results_dir=results_dir, parts=parts)
    rows = pd.read_parquet(results_dir / "rows")
    assert sorted(rows["gain"]) == [0.5, 2.0]
    assert set(rows[key]) == {"my_package.my_part"} and set(rows["status"]) == {"finished"}
    assert rows["train_loss"].nunique() == 2, "the hyperparameter reaches training"
    assert "nothing to do" in sweep(*command, results_dir=results_dir, parts=parts)
    table = run("sweep.tables", f"results_dir={results_dir}", "gain=2", parts=parts, QSWEEP_PARTS="my_package.my_part")
    assert table.returncode == 0 and "digits" in table.stdout, table.stdout + table.stderr


def test_what_no_part_here_declares_is_not_averaged_over_or_lost(tmp_path: Path) -> None:
    parts, results_dir = package(tmp_path / "elsewhere", QUANTIZER), tmp_path / "r"
    sweep("quantizer=my_package.my_part", "gain=0.5,2", results_dir=results_dir, parts=parts)
    table = run("sweep.tables", f"results_dir={results_dir}")
    assert table.returncode == 1
    assert "its rows have gain, which no part here declares. Make my_package.my_part known: install" in table.stderr
    assert "QSWEEP_PARTS=my_package.my_part" in table.stderr
    sweep("quantizer=lsq", results_dir=results_dir, parts=parts)  # knows no gain, and merges all rows
    rows = pd.read_parquet(results_dir / "rows").set_index("quantizer")
    assert sorted(rows.loc["my_package.my_part", "gain"]) == [0.5, 2.0] and pd.isna(rows.loc["lsq", "gain"])
    again = sweep("quantizer=lsq,my_package.my_part", "gain=0.5,2", results_dir=results_dir, parts=parts)
    assert "nothing to do" in again


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "my_package.my_part declares no PART"),
        ("import nothing_of_that_name", r"my_package.my_part: it cannot be imported here (No module named"),
        (OPTIMIZER.replace('"gain"', '"lr"'), "lr: a part declares it, and every run has it"),
        (
            OPTIMIZER.replace('"gain"', '"rho"'),
            "rho is declared in my_package.my_part and in sweep.training.updates.sam",
        ),
        (OPTIMIZER.replace("neutral=1.0, ", ""), "gain of my_package.my_part needs a neutral value"),
    ],
)
def test_a_faulty_part(text: str, message: str, tmp_path: Path) -> None:
    parts = package(tmp_path / "elsewhere", text)
    done = run("sweep.run", "optimizer=my_package.my_part", parts=parts)
    assert done.returncode == 1 and message in done.stderr.replace("\n", " "), done.stderr


def test_a_part_that_is_not_there(tmp_path: Path) -> None:
    done = run("sweep.run", "optimizer=my_package.my_part", "hydra/launcher=local", f"results_dir={tmp_path}")
    assert done.returncode == 1
    assert "my_package.my_part: it cannot be imported here (No module named 'my_package')" in done.stderr
    assert "install its package there, or put its folder on PYTHONPATH" in done.stderr
