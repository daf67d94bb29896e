"""What is known of the sweeps of a results directory, from their files and from SLURM: for status, cancel, failures."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pandas as pd
import pyarrow.parquet as pq

from launchers.slurm.answers import SharedAnswer
from launchers.slurm.ledger import Ledger
from launchers.slurm.queue import TaskState, in_ranges
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


def scheduler_tasks(sweep: Sweep, max_age_s: float) -> list[dict[str, str]]:
    """Returns its tasks in SLURM's queue, with their nodes, times and logs; raises what the commands raise.

    SLURM's answer may be `max_age_s` old: all who watch a results directory share one.
    """
    live, _ = sweep.ledger().open()
    watch = Watch(ask=SharedAnswer(sweep.folder.results, max_age_s).states)
    watch.look(live)
    states = {entry.task: watch.state(entry) or TaskState("UNKNOWN") for entry in live}
    return [_task(task, state, sweep.folder.log(task)) for task, state in states.items()]


def _task(task: str, found: TaskState, log: Path) -> dict[str, str]:
    facts = {name: getattr(found, name) for name in ("state", "reason", "nodes", "start", "end")}
    return {"task": task, **facts, "log": str(log)}


def describe_tasks(tasks: Sequence[Mapping[str, str]]) -> list[str]:
    """Returns `scheduler_tasks` as lines: how many are in which state, and of each state and reason which and where."""
    if not tasks:
        return []
    states = Counter(task["state"].lower() for task in tasks).most_common()
    groups: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    for task in tasks:
        groups.setdefault((task["state"], task["reason"]), []).append(task)
    lines = [_group(state.lower(), reason, own) for (state, reason), own in groups.items()]
    counted = ", ".join(f"{count} {state}" for state, count in states)
    return [f"tasks in SLURM: {counted}", *lines, f"  a log: {tasks[-1]['log']}"]


def _group(state: str, reason: str, tasks: Sequence[Mapping[str, str]]) -> str:
    why = f" ({reason})" if reason not in ("", "None") else ""
    nodes = sorted({task["nodes"] for task in tasks if task["nodes"]})
    where = f" on {', '.join(nodes)}" if nodes else ""
    is_waiting = state == "pending"
    times = sorted(task["start" if is_waiting else "end"] for task in tasks)
    known = [time for time in times if time[:1].isdigit()]
    until = f", {'from' if is_waiting else 'until'} {known[0] if is_waiting else known[-1]}" if known else ""
    return f"  {', '.join(in_ranges(task['task'] for task in tasks))} {state}{why}{where}{until}"


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
