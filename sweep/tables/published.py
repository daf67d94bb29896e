"""The papers' numbers as they are printed, and what papers call the lines of ours: as the parts declare their names."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from sweep import PROJECT
from sweep.config.bits import FULL_PRECISION
from sweep.config.chosen import NO_QUANTIZER
from sweep.config.datasets import data_sets, published_name, without_side
from sweep.config.networks import Network, networks
from sweep.config.part_classes import Quantizer, Rule
from sweep.config.parts import Part, parts_of, printed_name_of, spellings
from sweep.tables.labels import precision_name

_LINE = ["dataset", "model", "method", "precision"]
_FULL = precision_name(FULL_PRECISION)


def read_published(name: str, **options: Any) -> pd.DataFrame:
    """Reads results/published/<name>.csv: one line per printed number; `options` are those of `pandas.read_csv`.

    Data sets, networks and methods have one name each, the first that their part declares, however papers spell it.
    """
    numbers: pd.DataFrame = pd.read_csv(PROJECT / "results" / "published" / f"{name}.csv", **options)
    return numbers.replace({column: spellings(parts) for column, parts in _claimants().items()})


def _claimants() -> Mapping[str, list[Part]]:
    """The parts that have names in a column of the published tables."""
    methods = (*parts_of(Quantizer).values(), *parts_of(Rule).values())
    return {"dataset": [*data_sets().values()], "model": [*networks().values()], "method": [*methods]}


def read_quantized(name: str, **options: Any) -> pd.DataFrame:
    """Reads a table in which quantizers stand beside full precision, which has no method: it is printed under each."""
    numbers = read_published(name, **options)
    return numbers.assign(method=numbers["method"].where(numbers["precision"] != _FULL, ""))


def by_line(name: str, metrics: Mapping[str, str]) -> pd.DataFrame:
    """Reads one line per data set, model, method and precision, a column per metric, renamed by `metrics` to ours."""
    return read_quantized(name).replace({"metric": metrics}).pivot(index=_LINE, columns="metric", values="value")


def paper_keys(lines: pd.DataFrame, published: str, of_sizes: bool = False) -> pd.DataFrame:
    """Returns what the table `published` calls `lines`: data set, model, method, precision.

    Each is null where the paper has no name for it. Methods are the papers' where activations are float. The table is
    `of_sizes` where networks of several sizes stand in it on lines of their own.
    """
    methods = [_method(quantizer) for quantizer in lines["quantizer"]]
    return pd.DataFrame(
        {
            "dataset": lines["dataset"].map(published_name),
            "model": [_model(line, published, of_sizes) for line in lines.to_dict("records")],
            "method": pd.Series(methods, lines.index).where(lines["act_bits"] == FULL_PRECISION),
            "precision": lines["bits"].map(precision_name),
        },
        index=lines.index,
    )


def _method(quantizer: str) -> str:
    return "" if quantizer == NO_QUANTIZER else printed_name_of(Quantizer, quantizer)


def _model(line: Mapping[Any, Any], published: str, of_sizes: bool) -> str | None:
    network: Network | None = networks().get(line["model"])
    name = network.published_name(line, without_side(line["dataset"]), published) if network else None
    return network.with_sizes(name, line) if network and name and of_sizes else name
