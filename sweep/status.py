"""`python -m sweep.status results_dir=DIR [sweep=ID]`: how far the sweeps are, from their files and SLURM's queue."""

import pandas as pd
from rich.table import Table

from launchers.slurm.commands import ClusterUnavailable, Refused
from sweep.cli import run_command
from sweep.observe import Sweep, running, scheduler_states, show_sweeps
from sweep.terminal import duration, render

STATES = ("finished", "diverged", "failed", "running", "waiting")


def run_states(sweep: Sweep) -> pd.DataFrame:
    """The planned runs with a column `now`: the status of the row, else running or waiting."""
    runs = sweep.runs()
    active = running(sweep.events())
    without_row = runs["task_id"].isin(active).map({True: "running", False: "waiting"})
    return runs.assign(now=runs["status"].where(runs["status"].notna(), without_row))


def describe(sweep: Sweep) -> str:
    runs = run_states(sweep)
    table = Table("bits", "runs", *STATES)
    for column in table.columns:
        column.justify = "right"
    for bits, group in runs.groupby("bits"):
        table.add_row(str(bits), str(len(group)), *(str((group["now"] == state).sum()) for state in STATES))
    table.add_section()
    table.add_row("all", str(len(runs)), *(str((runs["now"] == state).sum()) for state in STATES))
    lines = [f"sweep {sweep.sweep_id} in {sweep.results_dir}", render(table), *_pace(runs), *_tasks(sweep)]
    failed = int((runs["now"] == "failed").sum())
    if failed:
        lines.append(
            f"{failed} failed: python -m sweep.failures results_dir={sweep.results_dir} sweep={sweep.sweep_id}"
        )
    return "\n".join(lines)


def _pace(runs: pd.DataFrame) -> list[str]:
    """Throughput since the first row, and the time left at that pace by expected costs."""
    ended = runs[runs["ended_at"].notna()]
    if len(ended) < 2 or len(ended) == len(runs):
        return []
    first_s = float(ended["seconds"].iloc[ended["ended_at"].argmin()] or 0)
    elapsed_s = (ended["ended_at"].max() - ended["ended_at"].min()).total_seconds() + first_s
    pace = ended["expected_s"].sum() / max(elapsed_s, 1e-9)
    left_s = runs.loc[runs["ended_at"].isna(), "expected_s"].sum() / pace
    return [f"{len(ended) / elapsed_s * 3600:.0f} runs per hour; about {duration(left_s)} left at that pace"]


def _tasks(sweep: Sweep) -> list[str]:
    try:
        states = scheduler_states(sweep)
    except (ClusterUnavailable, Refused, FileNotFoundError) as error:
        return [f"SLURM does not answer: {error}"]
    listed = ", ".join(f"{count} {state.lower()}" for state, count in states.most_common())
    return [f"tasks in SLURM: {listed}"] if listed else []


def main() -> None:
    show_sweeps(describe)


if __name__ == "__main__":
    run_command(main)
