"""The papers' numbers, as they are printed."""

import pandas as pd

from sweep import PROJECT
from sweep.config import FULL_PRECISION
from sweep.tables.generalization import METRICS

# Names of ours to names of the papers. Any other data set is not the papers' and has nothing to stand beside.
_DATASETS = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}
_MODELS = {"nin": "NiN"}
_METHODS = {"lsq": "LSQ", "none": "LSQ"}  # the papers print full precision under the method's name
_METRICS = {"generalization": "gap"}
_IN_PERCENT = ("train_acc", "test_acc")


def precision_name(bits: int) -> str:
    """As the papers write it: FP32, Int8."""
    return "FP32" if bits == FULL_PRECISION else f"Int{bits}"


def published_table_1() -> pd.DataFrame:
    """QGen Table 1 by dataset, model, method, precision, with the metrics in our names and units."""
    tidy = pd.read_csv(PROJECT / "results" / "published" / "qgen_table1.csv")
    tidy["metric"] = tidy["metric"].replace(_METRICS)
    wide = tidy.pivot(index=["dataset", "model", "method", "precision"], columns="metric", values="value")
    wide[list(_IN_PERCENT)] /= 100
    return wide[list(METRICS)]


def add_published(table: pd.DataFrame) -> pd.DataFrame:
    """`table` with columns `published_<metric>`, null where the paper has no such cell."""
    keys = pd.DataFrame(
        {
            "dataset": table["dataset"].map(_DATASETS),
            "model": table["model"].map(_MODELS),
            "method": table["quantizer"].map(_METHODS),
            "precision": table["bits"].map(precision_name),
        }
    )
    published = keys.join(published_table_1(), on=list(keys.columns))[list(METRICS)]
    return table.join(published.add_prefix("published_"))
