"""Which runs make one line of a table, and the order of lines."""

from collections.abc import Sequence

import pandas as pd

from sweep.config.bits import FULL_PRECISION
from sweep.config.run import PRECISION_FIELDS, RUN_FIELDS

# What the papers average over. Everything else that differs makes a line of its own.
AVERAGED = ("optimizer", "lr", "weight_decay", "momentum", "width", "depth", "seed")
PRECISION = PRECISION_FIELDS
SETTING = tuple(name for name in RUN_FIELDS if name not in (*AVERAGED, *PRECISION))


def is_full(group: pd.DataFrame) -> "pd.Series[bool]":
    return (group["bits"] == FULL_PRECISION) & (group["act_bits"] == FULL_PRECISION)


def finished_runs(group: pd.DataFrame) -> pd.DataFrame:
    return group[group["status"] == "finished"]


def in_order(lines: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Sorts `lines` by the columns `names`, and within equal ones from full precision to the fewest bits."""
    ordered = lines.assign(_bits=-lines["bits"]).sort_values([*names, "_bits", *PRECISION], kind="stable")
    return ordered.drop(columns="_bits").reset_index(drop=True)
