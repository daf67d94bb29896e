"""The papers' numbers, as they are printed."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from sweep import PROJECT
from sweep.tables.labels import precision_name

# Names of ours to names of the papers. Any other data set is not the papers' and has nothing to stand beside.
DATASETS = {
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "imagenet": "ImageNet",
    "flowers102": "Oxford Flowers-102",
    "pets": "Oxford-IIIT Pets",
}
RESNET_BASE_WIDTH = 64
_METHODS = {"lsq": "LSQ", "none": "LSQ"}  # the papers print full precision under the method's name
_LINE = ["dataset", "model", "method", "precision"]


def read_published(name: str, **options: Any) -> pd.DataFrame:
    """results/published/<name>.csv: one line per printed number; `options` are those of `pandas.read_csv`."""
    numbers: pd.DataFrame = pd.read_csv(PROJECT / "results" / "published" / f"{name}.csv", **options)
    return numbers


def by_line(name: str, metrics: Mapping[str, str]) -> pd.DataFrame:
    """`read_published` by data set, model, method and precision, a column per metric, renamed by `metrics` to ours."""
    return read_published(name).replace({"metric": metrics}).pivot(index=_LINE, columns="metric", values="value")


def paper_keys(table: pd.DataFrame, model: pd.Series) -> pd.DataFrame:
    """What the papers call the lines of `table`; null where they have no name for it."""
    return pd.DataFrame(
        {
            "dataset": table["dataset"].map(DATASETS),
            "model": model,
            "method": table["quantizer"].map(_METHODS),
            "precision": table["bits"].map(precision_name),
        }
    )


def paper_models(table: pd.DataFrame, names: Mapping[str, str]) -> pd.Series:
    """Networks by their `names` in a paper; of ResNet-18 for CIFAR only the one with 64 channels is the papers'."""
    is_small = (table["model"] == "cifar_resnet18") & (table["base_width"] != RESNET_BASE_WIDTH)
    return table["model"].map(names).where(~is_small)
