"""Tables 4 to 6 of QGen and Table 1 of QReg as people read them."""

import pandas as pd

from sweep.tables.display import precision
from sweep.tables.distortions import BLOCK
from sweep.tables.formats import number, text_formats
from sweep.tables.generalization import PRECISION

BETTER, WORSE = "▼", "▲"  # a smaller gap than at full precision, a larger one
ALPHA = 0.05
_COUNTS = ("n", "missing", "diverged")
_RARE_COUNTS = {"failed": "failed", "at_chance": "at chance"}  # shown where they are not all zero
_SHOWN_OTHERWISE = ("dataset", "model", "data_sha256")


def gaps(table: pd.DataFrame) -> pd.DataFrame:
    """A line per corruption and precision, a column per severity: gap ± standard error and its mark."""
    lines = []
    for _, group in table.groupby([*BLOCK, "corruption", *PRECISION], sort=False):
        first = group.iloc[0]
        names = {**names_of(first, table), "corruption": first["corruption"]}
        cells = {_title(line): _gap(line, group["n"].max()) for _, line in group.iterrows()}
        lines.append({**names, "precision": precision(first), **_counts(group, table), **cells})
        if group["published_gap"].notna().any():
            published = {_title(line): number(line["published_gap"], 3) for _, line in group.iterrows()}
            lines.append({**dict.fromkeys(names, ""), "precision": "  published", **published})
    return pd.DataFrame(lines).fillna("")


def improvements(table: pd.DataFrame) -> pd.DataFrame:
    lines = []
    for _, line in table.iterrows():
        names, counts = names_of(line, table), _counts(line.to_frame().T, table)
        lines.append({**names, "precision": precision(line), **counts, **_improvement_cells(line)})
        if pd.notna(line["published_acc"]):
            published = {_ACC: number(100 * line["published_acc"], 2), _EQ5: number(line["published_improvement"], 2)}
            lines.append({**dict.fromkeys(names, ""), "precision": "  published", **published})
    return pd.DataFrame(lines).fillna("")


_ACC, _EQ5 = "accuracy on corrupted %", "error improvement (eq. 5) [95 %]"


def _improvement_cells(line: pd.Series) -> dict[str, str]:
    acc = number(100 * line["acc"], 2)
    if pd.notna(line["acc_se"]):
        acc += f" ± {number(100 * line['acc_se'], 2)}"
    if not line["pairs"]:
        return {_ACC: acc}
    improvement = f"{line['improvement']:+.2f}"
    if pd.notna(line["improvement_low"]):
        improvement += f" [{line['improvement_low']:+.2f}, {line['improvement_high']:+.2f}]"
    return {_ACC: acc, _EQ5: improvement, "pairs": str(line["pairs"])}


def names_of(line: pd.Series, table: pd.DataFrame) -> dict[str, str]:
    varying = [name for name in BLOCK if name not in _SHOWN_OTHERWISE and table[name].nunique() > 1]
    return {"dataset": line["dataset"], "model": line["model"], **{name: str(line[name]) for name in varying}}


def _counts(group: pd.DataFrame, table: pd.DataFrame) -> dict[str, str]:
    """Of the severity that most runs, or least, have."""
    shown = {name: name for name in _COUNTS} | {k: title for k, title in _RARE_COUNTS.items() if table[k].any()}
    return {title: str(group[name].max()) for name, title in shown.items()}


def _title(line: pd.Series) -> str:
    return f"gap at severity {line['severity']}"


def _gap(line: pd.Series, most: int) -> str:
    cell = number(line["gap"], 3)
    if pd.notna(line["gap_se"]):
        cell += f" ± {number(line['gap_se'], 3)}"
    if line["pairs"]:
        cell += f" {BETTER if line['gap_change'] < 0 else WORSE}{'*' if line['gap_change_t_p'] < ALPHA else ''}"
    return cell if line["n"] == most else f"{cell} (n={line['n']})"


def gap_notes(table: pd.DataFrame) -> list[str]:
    """What a reader must know before he trusts the means."""
    return [
        *_general(table),
        "gap: loss on the corrupted test images less loss on the clean training images ± standard error",
        f"{BETTER} smaller, {WORSE} larger than at FP32, over runs that agree in all else; * paired t-test p < "
        f"{ALPHA}, not corrected for the number of cells (format=csv has Wilcoxon's p too)",
        *_better_cells(table),
    ]


def _better_cells(table: pd.DataFrame) -> list[str]:
    """How many cells are better than full precision, by network and precision."""
    quantized = table[table["pairs"] > 0]
    groups = quantized.groupby(["dataset", "model", *PRECISION], sort=False)
    return [
        f"{group['dataset'].iloc[0]} {group['model'].iloc[0]} {precision(group.iloc[0])}: "
        f"{(group['gap_change'] < 0).sum()} of {len(group)} cells better than FP32"
        for _, group in groups
    ]


def improvement_notes(table: pd.DataFrame) -> list[str]:
    corruptions, severities = table["corruptions"].iloc[0], table["severities"].iloc[0]
    return [
        *_general(table),
        f"accuracy: mean over {corruptions} corruptions at severity {severities}; error improvement: 100 log10 of "
        f"FP32's error over the quantized one's, per pair of runs",
    ]


def _general(table: pd.DataFrame) -> list[str]:
    same = [name for name in BLOCK if name not in _SHOWN_OTHERWISE and table[name].nunique() == 1]
    found = ["with " + ", ".join(f"{name}={table[name].iloc[0]}" for name in same)]
    if table[["missing", "failed"]].to_numpy().any():
        found.append("INCOMPLETE: some runs are missing (not trained or not evaluated) or failed; means are of the n")
    if table["diverged"].any():
        found.append("some runs diverged: counted, not in the means")
    if table["at_chance"].any():
        found.append("AT CHANCE: of the n, so many never left chance level: their small gap is no robustness")
    if (table["codes"] > 1).any():
        found.append("some lines mix evaluations by different code: `sweep.distort ... dry_run=true` names the stale")
    return found


GAPS = text_formats(gaps, gap_notes)
IMPROVEMENTS = text_formats(improvements, improvement_notes)
