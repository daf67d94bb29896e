"""Gaps on corrupted images by precision and severity: QGen Tables 4 to 6."""

from dataclasses import dataclass

import pandas as pd

from sweep.config.datasets import printed_name, published_corruptions_name
from sweep.tables.counts import count_cells
from sweep.tables.distortions import BLOCK, distortion_table, general_notes
from sweep.tables.formats import number, with_error
from sweep.tables.grouping import PRECISION
from sweep.tables.labels import model_name, names_of, precision
from sweep.tables.published import paper_keys, read_quantized
from sweep.tables.table import Table

BETTER, WORSE = "▼", "▲"  # a smaller gap than at full precision, a larger one
ALPHA = 0.05
_CORRUPTIONS = {  # as QGen prints them
    "defocus_noise": "defocus_blur", "glass_blue": "glass_blur", "elastic": "elastic_transform",
    "jpeg": "jpeg_compression",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class GapTable(Table):
    """A line per corruption and precision, a column per severity or, `over_severities`, one of their mean."""

    over_severities: bool = False

    def lines(self, runs: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
        """Returns `distortion_table` with `published_gap`, in nats, null where the paper has no such cell.

        Beside images of other strengths than the paper's there is none.
        """
        lines = distortion_table(runs, found, self.over_severities)
        names = ["dataset", "model", "method", "precision", "corruption"]
        names += [] if self.over_severities else ["severity"]  # the paper has one cell for all of them
        return lines.assign(published_gap=self._keys(lines).join(self._printed(names), on=names)["value"])

    def _printed(self, names: list[str]) -> pd.DataFrame:
        tidy = read_quantized(self.published, dtype={"severity": str})
        corruptions = tidy["augmentation"].str.lower().str.replace(" ", "_").replace(_CORRUPTIONS)
        return tidy.assign(corruption=corruptions).set_index(names)[["value"]]

    def _keys(self, lines: pd.DataFrame) -> pd.DataFrame:
        keys = paper_keys(lines, self.published)
        images = zip(lines["dataset"], lines["corruption_constants"], strict=True)
        keys["dataset"] = [published_corruptions_name(*each) for each in images]
        return keys.assign(corruption=lines["corruption"], severity=lines["severity"].astype(str))

    def cells(self, lines: pd.DataFrame) -> pd.DataFrame:
        """Gap ± standard error and its mark."""
        shown = []
        for _, group in lines.groupby([*BLOCK, "corruption", *PRECISION], sort=False):
            first, most = group.iloc[0], group["n"].max()
            names = {**names_of(first, lines, BLOCK), "corruption": first["corruption"]}
            cells = {_title(line): _gap(line, most) for _, line in group.iterrows()}
            shown.append({**names, "precision": precision(first), **_counts(group, lines), **cells})
            if group["published_gap"].notna().any():
                published = {_title(line): number(line["published_gap"], 3) for _, line in group.iterrows()}
                shown.append({**dict.fromkeys(names, ""), "precision": "  published", **published})
        return pd.DataFrame(shown).fillna("")

    def notes(self, lines: pd.DataFrame) -> list[str]:
        return [
            *general_notes(lines),
            "gap: loss on the corrupted test images less loss on the clean training images ± standard error",
            f"{BETTER} smaller, {WORSE} larger than at FP32, over runs that agree in all else; * paired t-test p < "
            f"{ALPHA}, not corrected for the number of cells (format=csv has Wilcoxon's p too)",
            *_better_cells(lines),
        ]


def _counts(group: pd.DataFrame, table: pd.DataFrame) -> dict[str, str]:
    """Of the severity that most runs, or least, have."""
    return count_cells(group[["n", "missing", "diverged", "failed", "at_chance"]].max(), table)


def _title(line: pd.Series) -> str:
    return f"gap at severity {line['severity']}"


def _gap(line: pd.Series, most: int) -> str:
    cell = with_error(line["gap"], line["gap_se"], 3)
    if line["pairs"]:
        cell += f" {BETTER if line['gap_change'] < 0 else WORSE}{'*' if line['gap_change_t_p'] < ALPHA else ''}"
    return cell if line["n"] == most else f"{cell} (n={line['n']})"


def _better_cells(table: pd.DataFrame) -> list[str]:
    """How many cells are better than full precision, by network and precision."""
    quantized = table[table["pairs"] > 0]
    groups = quantized.groupby(["dataset", "model", *PRECISION], sort=False)
    return [
        f"{printed_name(group['dataset'].iloc[0])} {model_name(group.iloc[0])} {precision(group.iloc[0])}: "
        f"{(group['gap_change'] < 0).sum()} of {len(group)} cells better than FP32"
        for _, group in groups
    ]
