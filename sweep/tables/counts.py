"""How many runs a line is of, what became of the others, and what a reader is told about it."""

from typing import Any

import pandas as pd

from sweep.config.chosen import PART_CLASSES
from sweep.config.work import Kind

SHOWN = ("n", "missing", "diverged")
RARE = ("failed", "at_chance", "threshold_missed")  # shown where they are not all zero

# What is mixed where a line has rows of several fingerprints, and the command that names the stale ones.
_MIXED: dict[Kind, str] = {
    "train": "rows of different code: `python -m sweep.run ... dry_run=true`",
    "measure": "measurements by different code: `sweep.measure ... dry_run=true`",
    "distort": "evaluations by different code: `sweep.distort ... dry_run=true`",
}


def counts_of(
    group: pd.DataFrame, counted: pd.DataFrame, flag: str, flagged: str, code: str = "code"
) -> dict[str, Any]:
    """Counts the runs `group`, of which `counted` have a result in this line.

    `n` are the latter; of the others `failed` and `diverged` ended so, and `missing` are not trained, or not measured
    or evaluated. `flag` is the number of the n for which the column `flagged` is true, null where nothing is known;
    `codes` is `most_codes` of the column `code`; `run_ids` name the n.
    """
    ended_otherwise = {name: int((group["status"] == name).sum()) for name in ("failed", "diverged")}
    return {
        "n": len(counted),
        "missing": len(group) - len(counted) - sum(ended_otherwise.values()),
        **ended_otherwise,
        flag: int((counted[flagged] == True).sum()),  # noqa: E712
        "codes": most_codes(counted, code),
        "run_ids": counted["run_id"].tolist(),
    }


# Rows that are alike in these have one code, unless it was edited between them.
_OF_ONE_CODE = (*(each.key for each in PART_CLASSES), "dataset", "teacher", "initial_weights", "engine")


def most_codes(rows: pd.DataFrame, column: str) -> int:
    """The most versions of code by which rows with the same parts were made."""
    names = [name for name in _OF_ONE_CODE if name in rows]
    return int(rows.groupby(names, dropna=False)[column].nunique().max()) if len(rows) else 0


def count_cells(line: pd.Series, table: pd.DataFrame) -> dict[str, str]:
    """The counts of one line of `table` as texts; the rare ones where any line of it has them."""
    rare = [name for name in RARE if name in table and table[name].any()]
    return {name.replace("_", " "): str(line[name]) for name in (*SHOWN, *rare)}


def incomplete_note(table: pd.DataFrame, text: str) -> list[str]:
    """Returns `text` with its {missing}, {failed} and {planned} runs filled in, nothing where no run is missing."""
    sums = {name: int(table[name].sum()) for name in ("n", "missing", "failed", "diverged")}
    if not sums["missing"] + sums["failed"]:
        return []
    return [f"INCOMPLETE: {text}".format(**sums, planned=sum(sums.values()))]


def mixed_code_note(table: pd.DataFrame, kind: Kind) -> list[str]:
    return [f"some lines mix {_MIXED[kind]} names the stale"] if (table["codes"] > 1).any() else []
