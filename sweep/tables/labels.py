"""What tables and figures call precisions, networks and settings."""

from collections.abc import Iterable

import pandas as pd

from sweep.config.bits import FULL_PRECISION
from sweep.config.run import UNLESS
from sweep.tables.grouping import PRECISION

QGEN_BASE_WIDTH = 25
MODELS = {"nin": "NiN"}
_OF_QUANTIZER = tuple(name for name in PRECISION if name in UNLESS and name != "act_bits")
_DATA = ("dataset", "model", "data_sha256")  # named on every line, or the same as the data set


def precision_name(bits: int) -> str:
    """As the papers write it: FP32, Int8."""
    return "FP32" if bits == FULL_PRECISION else f"Int{bits}"


def precision(line: pd.Series) -> str:
    """Bits of weights and activations; the quantizer, where it is not LSQ, and what it has besides."""
    activations = "" if line["act_bits"] == FULL_PRECISION else f"/A{line['act_bits']}"
    method = "" if line["quantizer"] in ("lsq", "none") else f" {line['quantizer']}"
    ends = "" if line["first_last"] == "b" else f", ends {line['first_last']}"
    own = [f", {name}={line[name]}" for name in _OF_QUANTIZER if line[name] != UNLESS[name]]
    return f"{precision_name(line['bits'])}{activations}{method}{ends}{''.join(own)}"


def network_name(line: pd.Series) -> str:
    """As QGen writes it: NiN (4x10) is depth 4, width 10. Base widths other than its own are not its networks."""
    if line["model"] not in MODELS:
        return str(line["model"])
    base = "" if line["base_width"] == QGEN_BASE_WIDTH else f", base {line['base_width']}"
    return f"{MODELS[line['model']]} ({line['depth']}x{line['width']}{base})"


def names_of(line: pd.Series, table: pd.DataFrame, names: Iterable[str]) -> dict[str, str]:
    """Data set and model of one line of `table`, and those of `names` that vary in it."""
    varying = [name for name in names if name not in _DATA and table[name].nunique() > 1]
    return {"dataset": line["dataset"], "model": line["model"], **{name: str(line[name]) for name in varying}}


def common(table: pd.DataFrame, names: Iterable[str]) -> dict[str, object]:
    """Those of `names` that all lines of `table` have in common, besides data set and model."""
    same = [name for name in names if name not in _DATA and table[name].nunique() == 1]
    return {name: table[name].iloc[0] for name in same}


def with_note(values: dict[str, object]) -> str:
    return "with " + ", ".join(f"{name}={value}" for name, value in values.items())
