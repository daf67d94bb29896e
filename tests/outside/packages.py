"""Packages of somebody else's, each with one part."""

from pathlib import Path

QUANTIZER = {
    "__init__.py": """
from sweep.config.part_classes import Quantizer
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
from sweep.config.part_classes import Rule
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
from sweep.config.part_classes import Optimizer
from sweep.config.parts import Hyperparameter

GAIN = Hyperparameter("gain", float, "of the weights' decay", neutral=1.0, low=0)
PART = Optimizer("own", "gradient descent", (GAIN,))


def make_optimizer(groups, run, common):
    import torch

    return torch.optim.SGD(groups, **common | {"weight_decay": run.gain})
"""

TABLE = """
import pandas as pd

from sweep.tables.table import Table


class LossByBits(Table):
    def lines(self, runs, found):
        finished = runs[runs["status"] == "finished"]
        return finished.groupby("bits")["test_loss"].agg(["mean", "size"]).reset_index()

    def cells(self, lines):
        return pd.DataFrame({"bits": lines["bits"].map(str), "test loss": lines["mean"].map("{:.3f}".format)})

    def notes(self, lines):
        return [f"means over {lines['size'].sum()} runs"]


PART = LossByBits(name="loss", meaning="Test loss by bit width.")
"""

FIGURE = """
from dataclasses import dataclass

from sweep.figures.drawing import new_figure, save
from sweep.figures.figure import Figure


@dataclass(frozen=True, kw_only=True)
class LossByBits(Figure):
    def draw(self, runs, found, folder):
        finished = runs[runs["status"] == "finished"].groupby("bits")["test_loss"].mean()
        figure = new_figure(4, 3)
        figure.subplots().plot(finished.index, finished, "o")
        figure.text(0.5, 0.5, ", ".join(f"{bits} bits: {loss:.3f}" for bits, loss in finished.items()))
        return save(figure, folder, "loss-by-bits")


PART = LossByBits(name="loss", meaning="Test loss against bits.", kind="train")
"""

MEASURE = """
from sweep.config.measures import ImagePasses, Measure, MeasureColumn
from sweep.config.parts import Hyperparameter

POWER = Hyperparameter("power", float, "p of the norm", neutral=2.0, low=1)
PART = Measure(
    "own",
    "p-norm of the counted weights",
    (POWER,),
    of_form=(MeasureColumn("p_norm", float, "of the counted weights", is_ranked=True, table="2"),),
    of_run=(MeasureColumn("tensors", int, "counted ones"),),
)


def of_form(form):
    return {"p_norm": form.space.vector.norm(form.subject.config.power).item()}


def of_run(subject):
    return {"tensors": len(subject.space(subject.latent).shapes)}
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
