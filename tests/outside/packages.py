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
