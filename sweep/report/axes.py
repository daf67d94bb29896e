"""What of the runs varies, and which of them belong together."""

import itertools
from dataclasses import dataclass

import pandas as pd

from sweep.config.bits import FULL_PRECISION
from sweep.config.run import RUN_FIELDS
from sweep.figures.drawing import colour
from sweep.figures.ranking import follows
from sweep.tables.grouping import PRECISION, SETTING
from sweep.tables.labels import precision
from sweep.tables.parts.qgen_table1 import METRICS

SHORT = 12  # digits of a run id that are shown
MOST_LEVELS = 12  # an axis of numbers with more values, as a search has them, is drawn as numbers
OUTCOMES = ("finished", "at chance", "diverged", "failed", "missing")
NO_AXIS = ("data_sha256", *PRECISION)  # the file's name for a data set; and what `precision` says together


@dataclass(frozen=True)
class Axis:
    """A hyperparameter that varies: its values as text in order, none where it has too many."""

    name: str
    levels: tuple[str, ...]


def find_axes(runs: pd.DataFrame) -> tuple[Axis, ...]:
    """Finds axes in the order of `RUN_FIELDS`; none that another one decides, as the optimizer may the momentum."""
    names = [name for name in RUN_FIELDS if name not in NO_AXIS and runs[name].nunique() > 1]
    return tuple(_axis(name, runs[name]) for name in names if not follows(runs, name))


def _axis(name: str, values: "pd.Series") -> Axis:
    levels = sorted(values.unique())
    many = pd.api.types.is_numeric_dtype(values) and len(levels) > MOST_LEVELS
    return Axis(name, () if many else tuple(map(text_of, levels)))


def text_of(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def with_labels(runs: pd.DataFrame) -> pd.DataFrame:
    """Returns `runs`, which are as `select.planned_and_stored` gives them, with what figures ask for.

    `quantization` is as tables call it (`precision` is of the arithmetic); `outcome` is one of `OUTCOMES`; `pair` is
    equal for runs that differ in quantization alone; `setting` is equal for runs that tables average; `gap_change` is
    the gap less that of the run's full-precision partner, in nats. Results of runs that did not finish are blanked: a
    mean must not see them.
    """
    finished = runs["status"] == "finished"
    labelled = runs.assign(
        quantization=runs.apply(precision, axis=1),
        outcome=_outcomes(runs),
        pair=runs.groupby([name for name in RUN_FIELDS if name not in PRECISION]).ngroup(),
        setting=_settings(runs),
        **{name: runs[name].where(finished).astype(float) for name in METRICS},
    )
    return labelled.assign(gap_change=_gap_change(labelled))


def _outcomes(runs: pd.DataFrame) -> "pd.Series[str]":
    at_chance = (runs["status"] == "finished") & (runs["at_chance"] == True)  # noqa: E712  # null where unknown
    return runs["status"].fillna("missing").mask(at_chance, "at chance").astype(str)


def _settings(runs: pd.DataFrame) -> "pd.Series[str]":
    names = [name for name in SETTING if name != "data_sha256" and (runs[name].nunique() > 1 or name in ALWAYS_NAMED)]
    texts = [name + "=" + runs[name].map(text_of) for name in names]
    return pd.concat(texts, axis=1).agg(", ".join, axis=1)


ALWAYS_NAMED = ("dataset", "model")


def _gap_change(runs: pd.DataFrame) -> "pd.Series[float]":
    full = is_full_precision(runs)
    reference = runs[full].set_index("pair")["gap"]
    return (runs["gap"] - runs["pair"].map(reference)).mask(full)


def is_full_precision(runs: pd.DataFrame) -> "pd.Series[bool]":
    return (runs["bits"] == FULL_PRECISION) & (runs["act_bits"] == FULL_PRECISION)


def precisions(runs: pd.DataFrame) -> tuple[dict[str, str], ...]:
    """Labels of the precisions and their colours, full precision first and then by falling bits."""
    first = runs.drop_duplicates("quantization").sort_values(
        ["bits", "act_bits", "quantization"], ascending=[False, False, True]
    )
    clash = first["bits"].nunique() < len(first)
    colours = itertools.cycle(_MANY) if clash else (colour(bits) for bits in first["bits"])
    shown = (_ON_ANY_BACKGROUND.get(one, one) for one in colours)
    return tuple({"label": label, "colour": one} for label, one in zip(first["quantization"], shown, strict=False))


_ON_ANY_BACKGROUND = {"#000000": "currentColor"}
# Of Okabe and Ito and of Tol (bright), where one bit width has several quantizers.
_MANY = (
    "#000000", "#0072B2", "#009E73", "#D55E00", "#CC79A7", "#E69F00", "#56B4E9", "#AA3377", "#999933", "#882255",
)  # fmt: skip
