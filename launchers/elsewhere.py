"""What other sweeps of a results directory have in hand: queued in SLURM, left to a launcher here, or claimed.

It says which tasks a plan may leave to them. That nothing is done twice does not hang on it: for that there are claims.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from launchers.slurm.answers import SharedAnswer
from launchers.slurm.commands import ClusterUnavailable, Refused
from launchers.slurm.ledger import Ledger
from launchers.slurm.watch import Watch
from sweep.plan.plan import TO_DO
from sweep.results.claims import claims_on
from sweep.results.events import Elsewhere, End, Started
from sweep.results.journal import events_of
from sweep.results.locks import is_locked
from sweep.results.paths import SweepDir
from sweep.results.plans import read_plan, rerun_of

ANSWER_AGE_S = 5.0  # of SLURM's answer, at most: all who watch share one


@dataclass(frozen=True)
class Holder:
    """A sweep that has a task in hand, and the scheduler's task that is to do it, where there is one."""

    sweep_id: str
    job_id: str = ""


def held_elsewhere(sweep_dir: SweepDir, task_ids: Collection[str]) -> dict[str, Holder]:
    """Returns those of `task_ids`, of the sweep of `sweep_dir`, that other sweeps have in hand."""
    wanted = frozenset(task_ids)
    others = [folder for folder in sweep_dir.results.sweeps() if folder != sweep_dir]
    claimed = claims_on(sweep_dir.results, wanted)
    return {
        **_launched([folder for folder in others if is_locked(folder.lock)], wanted),
        **_queued([folder for folder in others if folder.submissions.exists()], wanted),
        **{
            task_id: Holder(holder.sweep_id, holder.job_id)
            for task_id, holder in claimed.items()
            if holder.sweep_id != sweep_dir.sweep_id
        },
    }


def _launched(folders: Sequence[SweepDir], wanted: frozenset[str]) -> dict[str, Holder]:
    """What launchers that are at work have left to do."""
    return {task_id: Holder(folder.sweep_id) for folder in folders for task_id in wanted & _left_of(folder)}


def _left_of(folder: SweepDir) -> set[str]:
    """The tasks of a plan that have not ended, and that its sweep does not itself leave to another."""
    planned = read_plan(folder.plan)
    to_do = TO_DO[rerun_of(folder.plan)]
    left = {
        task_id
        for task_id, state in zip(planned["task_id"].to_pylist(), planned["state"].to_pylist(), strict=True)
        if state in to_do
    }
    last = {event.task_id: event for event in events_of(folder.journals()) if isinstance(event, _TURNS)}
    return left - {task_id for task_id, event in last.items() if not isinstance(event, Started)}


_TURNS = (Started, Elsewhere, End)


def _queued(folders: Sequence[SweepDir], wanted: frozenset[str]) -> dict[str, Holder]:
    """What tasks of SLURM's that are not over have to do; nothing where SLURM does not answer."""
    open_packs = [(folder.sweep_id, entry) for folder in folders for entry in Ledger(folder).open()[0]]
    sharing = [(sweep_id, entry) for sweep_id, entry in open_packs if not wanted.isdisjoint(entry.task_ids)]
    if not sharing:
        return {}
    watch = Watch(ask=SharedAnswer(folders[0].results, ANSWER_AGE_S).states)
    try:
        watch.look([entry for _, entry in sharing])
    except (ClusterUnavailable, Refused, FileNotFoundError):
        return {}
    states = ((sweep_id, entry, watch.state(entry)) for sweep_id, entry in sharing)
    alive = [(sweep_id, entry) for sweep_id, entry, state in states if state is not None and not state.is_over]
    return {task_id: Holder(sweep_id, entry.task) for sweep_id, entry in alive for task_id in entry.task_ids}


def in_words(holders: Iterable[Holder]) -> str:
    """Returns a line for each sweep that has tasks in hand, with the jobs that do them; `holders` has one per task."""
    jobs: dict[str, list[str]] = {}
    for holder in holders:
        jobs.setdefault(holder.sweep_id, []).append(holder.job_id)
    return "\n".join(f"{len(each)} queued elsewhere: sweep {sweep}{_jobs(each)}" for sweep, each in jobs.items())


MOST_JOBS = 5  # that a line names


def _jobs(job_ids: Sequence[str]) -> str:
    jobs = sorted({job_id for job_id in job_ids if job_id})
    if not jobs:
        return ""
    more = f" and {len(jobs) - MOST_JOBS} more" if len(jobs) > MOST_JOBS else ""
    return f", jobs {', '.join(jobs[:MOST_JOBS])}{more}"
