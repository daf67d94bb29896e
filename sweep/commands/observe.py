"""What is known of the sweeps of a results directory, from their files and from SLURM: for status, cancel, failures."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pandas as pd
import pyarrow.parquet as pq

from launchers.slurm.ledger import Ledger
from launchers.slurm.watch import Watch
from sweep.config.checks import ConfigError, allowed
from sweep.config.work import Kind
from sweep.results.accepted import accepted_code
from sweep.results.events import Died, Elsewhere, End, EndedEarly, Event, Started, Stopped
from sweep.results.journal import events_of
from sweep.results.paths import ResultsDir, SweepDir
from sweep.results.plans import read_plan
from sweep.results.rows import FINAL, STORES, Store
from sweep.worker.causes import in_words

_OUTCOME = ("status", "seconds", "error", "device", "threads")  # of every kind of row
_OWN_NAMES = {"code": "row_code"}  # of columns of rows that plans have too


@dataclass(frozen=True)
class Sweep:
    """One sweep of a results directory."""

    folder: SweepDir

    @property
    def results_dir(self) -> Path:
        return self.folder.results.path

    @property
    def sweep_id(self) -> str:
        return self.folder.sweep_id

    def runs(self) -> pd.DataFrame:
        """One line per planned task with the columns of its row, where it has one; `code` is the planned one."""
        planned: pd.DataFrame = read_plan(self.folder.plan).to_pandas()
        store = self.store
        if not store.path.exists():
            never = pd.Series(pd.NaT, planned.index)
            return planned.assign(**dict.fromkeys((*_OUTCOME, *_OWN_NAMES.values())), ended_at=never)
        rows: pd.DataFrame = store.read([store.key, *_OUTCOME, *_OWN_NAMES, "ended_at"]).to_pandas()
        return planned.merge(rows.rename(columns={**_OWN_NAMES, store.key: "task_id"}), on="task_id", how="left")

    @property
    def kind(self) -> Kind:
        """The kind of its work."""
        return cast("Kind", pq.read_schema(self.folder.plan).metadata.get(b"kind", b"train").decode())

    @property
    def store(self) -> Store:
        """The store of its rows."""
        return STORES[self.kind](self.results_dir)

    def by_other_code(self, runs: pd.DataFrame) -> pd.DataFrame:
        """Returns those of its `runs` whose row was made by other code than was planned or accepted as equal to that.

        There are none of a plan that names no code, as plans did not before.
        """
        both = runs[runs["status"].isin(FINAL) & runs["code"].notna()]
        accepted = accepted_code(self.results_dir, self.kind)
        pairs = zip(both["row_code"], both["code"], strict=True)
        return both.loc[[made != planned and (made, planned) not in accepted for made, planned in pairs]]

    def events(self) -> list[Event]:
        """Returns the events of all its journals, in the order of time."""
        return events_of(self.folder.journals())

    def deaths(self) -> dict[str, int]:
        """Counts how often a worker ended before its runs, by cause, the most frequent first."""
        found = Counter(in_words(event.cause, event.signal) for event in self.events() if isinstance(event, Died))
        return dict(found.most_common())

    def early_ends(self) -> list[EndedEarly]:
        """Returns the tasks of a scheduler that ended before their first run, since any last began with one."""
        found: list[EndedEarly] = []
        for event in self.events():
            match event:
                case EndedEarly():
                    found.append(event)
                case Started():
                    found.clear()
        return found

    def ledger(self) -> Ledger:
        return Ledger(self.folder)


def find_sweeps(results_dir: Path, sweep: str) -> list[Sweep]:
    """The sweep of this id, or all; raises `ConfigError` where there is none."""
    found = [Sweep(folder) for folder in ResultsDir(results_dir).sweeps()]
    chosen = [one for one in found if sweep in ("", one.sweep_id)]
    if not chosen:
        names = allowed(one.sweep_id for one in found)
        raise ConfigError(f"results_dir={results_dir} sweep={sweep}: no such sweep; there are {names}")
    return chosen


def running(events: Iterable[Event]) -> set[str]:
    """Tasks that were started and have not ended, as far as journals tell."""
    last = {event.task_id: event for event in events if isinstance(event, Started | Stopped | Elsewhere | Died | End)}
    return {task_id for task_id, event in last.items() if isinstance(event, Started)}


def scheduler_states(sweep: Sweep) -> Counter[str]:
    """Counts its tasks in SLURM's queue by state; raises what the commands raise."""
    live, _ = sweep.ledger().open()
    watch = Watch()
    watch.look(live)
    found = map(watch.state, live)
    return Counter(state.state if state else "UNKNOWN" for state in found)


def describe_early(ends: Sequence[EndedEarly]) -> list[str]:
    """Returns `Sweep.early_ends` as lines, the last with its job and log; empty for none."""
    if not ends:
        return []
    last = ends[-1]
    facts = [last.cause, *filter(None, [last.detail, last.job and f"job {last.job}"]), f"log: {last.log}"]
    return [f"{len(ends)} tasks ended before their first run, and no run is to blame; the last: {'; '.join(facts)}"]


def describe_deaths(deaths: Mapping[str, int]) -> str:
    """Returns `Sweep.deaths` as a line; empty for none."""
    causes = ", ".join(f"{count} {cause}" for cause, count in deaths.items())
    return f"workers that ended before their runs, and were tried again: {causes}" if causes else ""
