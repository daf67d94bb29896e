"""A generalization table as people read it."""

import pandas as pd

from sweep.config.bits import FULL_PRECISION
from sweep.config.run import UNLESS
from sweep.tables.formats import number, text_formats
from sweep.tables.generalization import PRECISION, SETTING
from sweep.tables.published import precision_name

_COUNTS = {"n": "n", "missing": "missing", "diverged": "diverged"}
_RARE_COUNTS = {"failed": "failed", "at_chance": "at chance"}  # shown where they are not all zero
_DATA = ("dataset", "model", "data_sha256")
_METRICS = {
    "train_acc": ("train acc %", 100, 2),
    "test_acc": ("test acc %", 100, 2),
    "train_loss": ("train loss", 1, 3),
    "test_loss": ("test loss", 1, 3),
    "gap": ("gap", 1, 3),
}
_OF_QUANTIZER = tuple(name for name in PRECISION if name in UNLESS and name != "act_bits")
CHANGE = "gap - FP32 gap [95 %]"


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """Text cells: mean ± standard error, and under each line the published one where there is one."""
    varying = [name for name in SETTING if name not in _DATA and table[name].nunique() > 1]
    counts = _COUNTS | {name: title for name, title in _RARE_COUNTS.items() if table[name].any()}
    lines = []
    for _, line in table.iterrows():
        names = {"dataset": line["dataset"], "model": line["model"], **{name: str(line[name]) for name in varying}}
        lines.append({**names, "precision": precision(line), **_cells(line, counts)})
        if pd.notna(line["published_gap"]):
            lines.append({**dict.fromkeys(names, ""), "precision": "  published", **_published_cells(line)})
    return pd.DataFrame(lines).fillna("")


def precision(line: pd.Series) -> str:
    """Bits of weights and activations; the quantizer, where it is not LSQ, and what it has besides."""
    activations = "" if line["act_bits"] == FULL_PRECISION else f"/A{line['act_bits']}"
    method = "" if line["quantizer"] in ("lsq", "none") else f" {line['quantizer']}"
    ends = "" if line["first_last"] == "b" else f", ends {line['first_last']}"
    own = [f", {name}={line[name]}" for name in _OF_QUANTIZER if line[name] != UNLESS[name]]
    return f"{precision_name(line['bits'])}{activations}{method}{ends}{''.join(own)}"


def _cells(line: pd.Series, counts: dict[str, str]) -> dict[str, str]:
    cells = {title: str(line[name]) for name, title in counts.items()}
    for name, (title, scale, digits) in _METRICS.items():
        cells[title] = number(line[name] * scale, digits)
        if pd.notna(line[f"{name}_se"]):
            cells[title] += f" ± {number(line[f'{name}_se'] * scale, digits)}"
    if line["pairs"]:
        cells[CHANGE] = f"{line['gap_change']:+.3f}"
        if pd.notna(line["gap_change_low"]):
            cells[CHANGE] += f" [{line['gap_change_low']:+.3f}, {line['gap_change_high']:+.3f}]"
        cells["pairs"] = str(line["pairs"])
    return cells


def _published_cells(line: pd.Series) -> dict[str, str]:
    """The papers print two digits of a percentage and three of a loss."""
    return {
        title: number(line[f"published_{name}"] * scale, digits) for name, (title, scale, digits) in _METRICS.items()
    }


def notes(table: pd.DataFrame) -> list[str]:
    """What a reader must know before he trusts the means."""
    counts = table[["n", "missing", "failed", "diverged", "at_chance"]].sum()
    planned = counts[["n", "missing", "failed", "diverged"]].sum()
    same = [name for name in SETTING if name not in _DATA and table[name].nunique() == 1]
    told = {name: table[name].iloc[0] for name in same if name not in UNLESS or table[name].iloc[0] != UNLESS[name]}
    found = ["with " + ", ".join(f"{name}={value}" for name, value in told.items())]
    if counts["missing"] + counts["failed"]:
        found.append(
            f"INCOMPLETE: of {planned} runs {counts['missing']} have no result yet and {counts['failed']} failed; "
            f"the means are over the others"
        )
    if counts["diverged"]:
        found.append(f"{counts['diverged']} runs diverged: counted, not in the means")
    if counts["at_chance"]:
        found.append(f"{counts['at_chance']} runs never left chance level: in the means")
    if (table["codes"] > 1).any():
        found.append("some lines mix rows of different code: `python -m sweep.run ... dry_run=true` names the stale")
    return found


TEXT_FORMATS = text_formats(readable, notes)
terminal = TEXT_FORMATS["terminal"]
