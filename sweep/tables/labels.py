"""What tables and figures call precisions, networks and settings."""

from collections.abc import Iterable, Iterator

import pandas as pd

from sweep.config.bits import FULL_PRECISION
from sweep.config.chosen import NO_QUANTIZER, PART_CLASSES
from sweep.config.datasets import printed_name, without_side
from sweep.config.networks import networks
from sweep.config.part_classes import Quantizer
from sweep.config.parts import printed_name_of
from sweep.config.run import UNLESS
from sweep.tables.grouping import PRECISION

_OF_QUANTIZER = tuple(name for name in PRECISION if name in UNLESS and name != "act_bits")
_DATA = ("dataset", "model", "data_sha256")  # on every line, or the same as the data set
_CLASS_OF = {each.key: each for each in PART_CLASSES}
_LEAST = "lsq"  # what a precision is by, where its label does not say


def precision_name(bits: int) -> str:
    """Returns `bits` as the papers write them: FP32, Int8."""
    return "FP32" if bits == FULL_PRECISION else f"Int{bits}"


def precision(line: pd.Series) -> str:
    """Bits of weights and activations; the quantizer, where it is not LSQ, and what it has besides."""
    activations = "" if line["act_bits"] == FULL_PRECISION else f"/A{line['act_bits']}"
    quantizer = line["quantizer"]
    method = "" if quantizer in (_LEAST, NO_QUANTIZER) else f" {printed_name_of(Quantizer, quantizer)}"
    ends = "" if line["first_last"] == "b" else f", ends {line['first_last']}"
    own = [f", {name}={line[name]}" for name in _OF_QUANTIZER if line[name] != UNLESS[name]]
    return f"{precision_name(line['bits'])}{activations}{method}{ends}{''.join(own)}"


def model_name(line: pd.Series) -> str:
    """Returns what papers call the network of a line, on its data set; without sizes."""
    network = networks().get(line["model"])
    return network.printed_name_on(without_side(line["dataset"])) if network else str(line["model"])


def network_name(line: pd.Series) -> str:
    """Returns `model_name` and its sizes, as NiN (4x10); those that are not the papers' too, as NiN (4x10, base 4)."""
    sizes = ", ".join(_sizes(line))
    return f"{model_name(line)} ({sizes})" if sizes else model_name(line)


def _sizes(line: pd.Series) -> Iterator[str]:
    network = networks().get(line["model"])
    if network and network.printed_sizes:
        yield network.printed_sizes.format(**line)
    for size, printed in network.printed_at.items() if network else ():
        if line[size] != printed:
            yield f"{size.removesuffix('_width')} {line[size]}"


def names_of(line: pd.Series, table: pd.DataFrame, names: Iterable[str]) -> dict[str, str]:
    """Data set and model of one line of `table`, and those of `names` that vary in it."""
    varying = [name for name in names if name not in _DATA and table[name].nunique() > 1]
    names = {"dataset": printed_name(line["dataset"]), "model": model_name(line)}
    return names | {name: shown_value(name, line[name]) for name in varying}


def shown_value(name: str, value: object) -> str:
    """Returns what tables call the value of a hyperparameter: of one that names a part, the name of the part."""
    return printed_name_of(_CLASS_OF[name], str(value)) if name in _CLASS_OF else str(value)


def common(table: pd.DataFrame, names: Iterable[str]) -> dict[str, object]:
    """Returns what all lines of `table` have in common of `names`, besides data set and model, with its value."""
    same = [name for name in names if name not in _DATA and table[name].nunique() == 1]
    return {name: table[name].iloc[0] for name in same}


def with_note(values: dict[str, object]) -> str:
    return "with " + ", ".join(f"{name}={value}" for name, value in values.items())
