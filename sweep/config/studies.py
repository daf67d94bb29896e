"""Studies: named grids in conf/study/, each of which reproduces a published table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omegaconf import OmegaConf

from sweep import PROJECT
from sweep.config.checks import ConfigError, allowed, did_you_mean

STUDIES_DIR = PROJECT / "conf" / "study"
LABELS = ("dataset", "model", "method", "precision", "option")  # what names a line of a published table
PERCENT = 100
FIRST = "_first"

Names = Mapping[str, Mapping[str, Any]]  # printed name: the values of the runs that have it, the first that fits


@dataclass(frozen=True)
class Metric:
    """A printed metric: its name, the option that it has in the published table, our column, factor to its unit."""

    name: str
    option: str
    column: str
    scale: float

    @property
    def title(self) -> str:
        return f"{self.name} {self.option}".strip()


@dataclass(frozen=True)
class StudySpec:
    """The key `table` of a file of conf/study/. `number`, of one that `sweep.tables table=` knows, replaces all below.

    `after` is the command that the table needs besides training: measure, distort, or nothing. `paper` is the published
    table, and `meaning` says what it is.
    """

    after: str
    number: str
    published: str
    paper: str
    meaning: str
    names: Mapping[str, Names]
    metrics: tuple[Metric, ...]


def known_studies() -> list[str]:
    """Lists the studies with a table; NAME_first trains what the runs of NAME start from."""
    return sorted(path.stem for path in STUDIES_DIR.glob("*.yaml") if not path.stem.endswith(FIRST))


def study_table_of(study: str) -> StudySpec:
    """Raises `ConfigError` where there is no such study."""
    if study not in known_studies():
        raise ConfigError(
            f"study={study}: there is no such study{did_you_mean(study, known_studies())}; there are "
            f"{allowed(known_studies())}"
        )
    spec: Any = OmegaConf.to_container(OmegaConf.load(STUDIES_DIR / f"{study}.yaml"))
    table = spec["table"]
    names = {label: table.get(label, {}) for label in LABELS}
    metrics = tuple(_metric(title, column) for title, column in table.get("metrics", {}).items())
    return StudySpec(
        after=table.get("after", ""),
        number=str(table.get("number", "")),
        published=table.get("published", ""),
        paper=table.get("paper", ""),
        meaning=table.get("meaning", ""),
        names=names,
        metrics=metrics,
    )


def _metric(title: str, column: str) -> Metric:
    """`title` is the published metric, and after a space its option."""
    name, _, option = title.partition(" ")
    return Metric(name, option, column, PERCENT if column.endswith(("_acc", "_top5")) else 1)
