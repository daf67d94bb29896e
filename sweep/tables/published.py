"""The papers' numbers, as they are printed."""

from collections.abc import Mapping, Sequence

import pandas as pd

from sweep import PROJECT
from sweep.config.bits import FULL_PRECISION
from sweep.config.distorting import CIFAR_C, CORRUPTIONS, IMAGENET_C
from sweep.tables.generalization import METRICS

PUBLISHED = PROJECT / "results" / "published"
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
RESNET_BASE_WIDTH = 64
_CORRUPTED = {"cifar100": "CIFAR-100-C", "imagenet": "ImageNet-C"}
_IMAGENET_MODELS = {"resnet18": "ResNet-18", "mobilenet_v2": "MobileNet V2", "resnet50": "ResNet-50"}
_CIFAR_MODELS = {"cifar_resnet18": "ResNet-18", "mobilenet_v1": "MobileNet-V1", "vgg19": "VGG-19"}
_DISTORTED = {4: _IMAGENET_MODELS, 5: _CIFAR_MODELS, 6: _IMAGENET_MODELS}
_QREG = {"resnet20": "Resnet20", "cifar_resnet18": "Resnet18"}
_QREG_METRICS = {"avg_accuracy_augmented": "acc", "error_improvement_eq5": "improvement"}
_CORRUPTIONS = {  # as QGen prints them
    "defocus_noise": "defocus_blur", "glass_blue": "glass_blur", "elastic": "elastic_transform",
    "jpeg": "jpeg_compression",
}  # fmt: skip
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
    tidy = pd.read_csv(PUBLISHED / f"qgen_table{number}.csv")
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


def add_published_distortion(table: pd.DataFrame, number: int) -> pd.DataFrame:
    """`table`, of QGen's Table 4, 5 or 6, with the column `published_gap`, null where the paper has no such cell.

    Beside images of other strengths than the paper's there is none.
    """
    tidy = pd.read_csv(PUBLISHED / f"qgen_table{number}.csv", dtype={"severity": str})
    tidy["corruption"] = tidy["augmentation"].str.lower().str.replace(" ", "_").replace(_CORRUPTIONS)
    names = ["dataset", "model", "method", "precision", "corruption"]
    names += [] if number == 5 else ["severity"]  # the paper's Table 5 has one cell for all of them
    keys = _keys(table, _of_size(table, _DISTORTED[number]))
    keys["dataset"] = _corrupted_dataset(table)
    keys["method"] = keys["method"].where(table["act_bits"] == FULL_PRECISION)
    keys = keys.assign(corruption=table["corruption"], severity=table["severity"].astype(str))
    return table.assign(published_gap=keys.join(tidy.set_index(names)["value"], on=names)["value"])


def add_published_improvement(table: pd.DataFrame) -> pd.DataFrame:
    """`table`, of QReg's Table 1, with `published_acc` and `published_improvement`, null where it has no such cell."""
    names = ["dataset", "model", "precision"]
    tidy = pd.read_csv(PUBLISHED / "qreg_table1.csv").replace({"metric": _QREG_METRICS})
    wide = tidy.pivot(index=names, columns="metric", values="value")
    wide = wide.assign(acc=wide["acc"] / 100).add_prefix("published_")
    keys = _keys(table, _of_size(table, _QREG))
    of_paper = (table["corruptions"] == len(CORRUPTIONS)) & (table["corruption_constants"] == CIFAR_C)
    keys["dataset"] = keys["dataset"].where(of_paper)
    return table.join(keys[names].join(wide, on=names)[["published_acc", "published_improvement"]])


def _of_size(table: pd.DataFrame, names: Mapping[str, str]) -> pd.Series:
    """The papers' names of networks; of ResNet-18 for CIFAR only the one with 64 channels is theirs."""
    is_small = (table["model"] == "cifar_resnet18") & (table["base_width"] != RESNET_BASE_WIDTH)
    return table["model"].map(names).where(~is_small)


def _corrupted_dataset(table: pd.DataFrame) -> pd.Series:
    """By the papers' name, where the strengths are those of its images."""
    return (
        table["dataset"]
        .map(_CORRUPTED)
        .where(table["corruption_constants"] == table["dataset"].map({"cifar100": CIFAR_C, "imagenet": IMAGENET_C}))
    )


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
