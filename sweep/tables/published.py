"""The papers' numbers, as they are printed."""

from collections.abc import Sequence

import pandas as pd

from sweep import PROJECT
from sweep.config import FULL_PRECISION
from sweep.tables.generalization import METRICS

# Names of ours to names of the papers. Any other data set is not the papers' and has nothing to stand beside.
DATASETS = {
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "imagenet": "ImageNet",
    "flowers102": "Oxford Flowers-102",
    "pets": "Oxford-IIIT Pets",
}
_MODELS = {"nin": "NiN"}
_METHODS = {"lsq": "LSQ", "none": "LSQ"}  # the papers print full precision under the method's name
_METRICS = {"generalization": "gap"}
QGEN_BASE_WIDTH = 25
_IN_PERCENT = ("train_acc", "test_acc")


def precision_name(bits: int) -> str:
    """As the papers write it: FP32, Int8."""
    return "FP32" if bits == FULL_PRECISION else f"Int{bits}"


def network_name(line: pd.Series) -> str:
    """As QGen writes it: NiN (4x10) is depth 4, width 10. Base widths other than its own are not its networks."""
    if line["model"] not in _MODELS:
        return str(line["model"])
    base = "" if line["base_width"] == QGEN_BASE_WIDTH else f", base {line['base_width']}"
    return f"{_MODELS[line['model']]} ({line['depth']}x{line['width']}{base})"


def _wide(number: int) -> pd.DataFrame:
    """QGen's table by dataset, model, method, precision, with the metrics in our names."""
    tidy = pd.read_csv(PROJECT / "results" / "published" / f"qgen_table{number}.csv")
    tidy["metric"] = tidy["metric"].replace(_METRICS)
    return tidy.pivot(index=["dataset", "model", "method", "precision"], columns="metric", values="value")


def published_table_1() -> pd.DataFrame:
    """As `_wide`, in our units."""
    wide = _wide(1)
    wide[list(_IN_PERCENT)] /= 100
    return wide[list(METRICS)]


def add_published_flatness(table: pd.DataFrame, number: int, metrics: Sequence[str]) -> pd.DataFrame:
    """`table`, of QGen's Table 2 or 3, with columns `published_<metric>`, null where the paper has no such cell."""
    keys = _keys(table, table.apply(network_name, axis=1))
    published = keys.join(_wide(number), on=list(keys.columns)).reindex(columns=list(metrics))
    return table.join(published.add_prefix("published_"))


def _keys(table: pd.DataFrame, model: pd.Series) -> pd.DataFrame:
    """What the paper calls the lines of `table`."""
    return pd.DataFrame(
        {
            "dataset": table["dataset"].map(DATASETS),
            "model": model,
            "method": table["quantizer"].map(_METHODS),
            "precision": table["bits"].map(precision_name),
        }
    )


def add_published(table: pd.DataFrame) -> pd.DataFrame:
    """`table` with columns `published_<metric>`, null where the paper has no such cell."""
    keys = _keys(table, table["model"].map(_MODELS))
    keys["method"] = keys["method"].where(table["act_bits"] == FULL_PRECISION)  # QGen quantizes weights alone
    published = keys.join(published_table_1(), on=list(keys.columns))[list(METRICS)]
    return table.join(published.add_prefix("published_"))
