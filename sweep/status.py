"""`python -m sweep.status results_dir=DIR [sweep=ID] [format=json] [watch=10]`: how far the sweeps are.

From their files and SLURM's queue. `watch=SECONDS` shows it anew until no run is left, or Ctrl-C.
"""

import dataclasses
import json
import sys
import time
from collections import Counter
from typing import Any

import pandas as pd
from rich.table import Table

from launchers.elsewhere import held_elsewhere, in_words
from launchers.slurm.commands import ClusterUnavailable, Refused
from sweep.commands.arguments import Arguments, Command, Key, Section, text
from sweep.commands.keys import RESULTS_DIR, SWEEP
from sweep.commands.observe import (
    Sweep,
    describe_deaths,
    describe_early,
    describe_tasks,
    find_sweeps,
    running,
    scheduler_tasks,
)
from sweep.config.checks import ConfigError
from sweep.config.run import RUN_FIELDS
from sweep.results.clusters import clusters
from sweep.results.events import EndedEarly
from sweep.results.hours import DEVICE_CLASSES, device_class, hours
from sweep.results.rows import FINAL
from sweep.terminal import duration, render, shell_command

STATES = ("finished", "diverged", "failed", "running", "elsewhere", "waiting")
LEFT = ("running", "elsewhere", "waiting")
AXES = tuple(name for name in RUN_FIELDS if name not in ("bits", "data_sha256"))
MOST_LEVELS = 12  # values of an axis that get a line each
SHORT_S = 1.0  # SLURM is not asked more often, whoever looks
CLEAR = "\x1b[H\x1b[2J"


def _seconds(name: str, value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise ConfigError(f"{name}={value}: allowed are seconds between two looks, or 0 to look once")
    return seconds


FORMAT = Key("format", "for people or for scripts", text, "terminal", choices=("terminal", "json"))
WATCH = Key("watch", "time between two looks, until no run is left; 0 looks once", _seconds, "0", unit="s")
COMMAND = Command("sweep.status", __doc__, (Section("Options", (RESULTS_DIR, SWEEP, FORMAT, WATCH)),))


def main() -> None:
    arguments = COMMAND.parse(sys.argv[1:])
    try:
        watch(arguments, arguments[WATCH])
    except KeyboardInterrupt:
        if arguments[FORMAT] == "terminal":  # after the ^C; a blank line is no JSON
            print()


def watch(arguments: Arguments, every_s: float) -> None:
    """Shows the sweeps once or, with `every_s`, again and again until every run has ended."""
    while True:
        sweeps = find_sweeps(arguments[RESULTS_DIR], arguments[SWEEP])
        found = [facts(sweep, max(SHORT_S, 0.8 * every_s)) for sweep in sweeps]
        if arguments[FORMAT] == "json":
            print(json.dumps({"sweeps": found}, indent=None if every_s else 2), flush=True)
        else:
            moves = CLEAR if every_s and sys.stdout.isatty() else ""
            print(moves + "\n\n".join(map(text_of, found)), flush=True)
        if not every_s or not any(one["runs"][state] for one in found for state in LEFT):
            return
        time.sleep(every_s)


def run_states(sweep: Sweep) -> pd.DataFrame:
    """Returns the planned runs with two columns more.

    `now` is the status of the row, else running, elsewhere or waiting; `holder` is who has a run elsewhere.
    """
    runs = sweep.runs()
    active = running(sweep.events())
    idle = set(runs.loc[runs["status"].isna(), "task_id"]) - active
    held = held_elsewhere(sweep.folder, idle)
    states = dict.fromkeys(active, "running") | dict.fromkeys(held, "elsewhere")
    without_row = runs["task_id"].map(lambda task_id: states.get(task_id, "waiting"))
    runs = runs.assign(milestones=runs["milestones"].map(lambda epochs: ",".join(map(str, epochs))))
    now = runs["status"].where(runs["status"].notna(), without_row)
    return runs.assign(now=now, holder=runs["task_id"].map(held))


def facts(sweep: Sweep, max_age_s: float = SHORT_S) -> dict[str, Any]:
    """Returns what is known of a sweep, as format=json prints it; docs/report.md has the meaning of every key.

    SLURM's answer is at most `max_age_s` old.
    """
    runs, early = run_states(sweep), sweep.early_ends()
    return {
        "sweep": sweep.sweep_id,
        "results_dir": str(sweep.results_dir),
        "runs": _counts(runs),
        "bits": {str(bits): _counts(group) for bits, group in runs.groupby("bits")},
        "axes": {name: _by_level(runs, name) for name in AXES if 1 < runs[name].nunique() <= MOST_LEVELS},
        **_pace(runs),
        "hours": _hours(runs),
        "failures": [
            {"error": one.message, "runs": one.runs["run_id"].tolist(), "share": one.shared.values}
            for one in clusters(runs)
        ],
        "other_code": len(sweep.by_other_code(runs)),
        "elsewhere": in_words(runs["holder"].dropna()).splitlines(),
        "deaths": sweep.deaths(),
        "early_ends": [dataclasses.asdict(end) for end in early],
        **_tasks(sweep, max_age_s),
    }


def _counts(runs: pd.DataFrame) -> dict[str, int]:
    return {"planned": len(runs), **{state: int((runs["now"] == state).sum()) for state in STATES}}


def _by_level(runs: pd.DataFrame, name: str) -> dict[str, dict[str, int]]:
    return {str(level): _counts(group) for level, group in runs.groupby(name)}


def _pace(runs: pd.DataFrame) -> dict[str, float | None]:
    """Throughput of work that was done to its end, since the first of it, and the time left at that pace."""
    ended, left = runs[runs["now"].isin(FINAL)], runs[runs["now"].isin(LEFT)]
    if len(ended) < 2 or left.empty:
        return {"runs_per_hour": None, "seconds_left": None if len(left) else 0.0}
    first_s = ended["seconds"].fillna(0.0).iloc[ended["ended_at"].argmin()]
    elapsed_s = max((ended["ended_at"].max() - ended["ended_at"].min()).total_seconds() + first_s, 1e-9)
    left_s = left["expected_s"].sum() * elapsed_s / ended["expected_s"].sum()
    return {"runs_per_hour": len(ended) / elapsed_s * 3600, "seconds_left": float(left_s)}


def _hours(runs: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    """Spent and left on GPUs and on CPUs. What is left is expected to be as that which has ended: null before that."""
    classes, spent = device_class(runs["device"]), hours(runs)
    timed = spent > 0
    expected, left_s = runs["expected_s"], runs.loc[runs["now"].isin(LEFT), "expected_s"].sum()
    found = {}
    for name in DEVICE_CLASSES:
        own = timed & (classes == name)
        share = expected[own].sum() / expected[timed].sum() if timed.any() else 0.0
        ratio = spent[own].sum() / expected[own].sum() if own.any() else 0.0
        found[name] = {"spent": float(spent[own].sum()), "left": float(left_s * share * ratio) if timed.any() else None}
    return found


def _tasks(sweep: Sweep, max_age_s: float) -> dict[str, Any]:
    try:
        tasks = scheduler_tasks(sweep, max_age_s)
    except (ClusterUnavailable, Refused, FileNotFoundError) as error:
        return {"slurm": {}, "tasks": [], "slurm_error": str(error)}
    return {"slurm": dict(Counter(task["state"] for task in tasks)), "tasks": tasks, "slurm_error": ""}


def describe(sweep: Sweep) -> str:
    return text_of(facts(sweep))


def text_of(found: dict[str, Any]) -> str:
    """Returns `facts` for people."""
    lines = [f"sweep {found['sweep']} in {found['results_dir']}", _table(found)]
    if found["runs_per_hour"] is not None:
        left = duration(found["seconds_left"])
        lines.append(f"{found['runs_per_hour']:.0f} runs per hour; about {left} left at that pace")
    lines += [_hours_text(name, of) for name, of in found["hours"].items() if of["spent"]]
    lines += [f"{len(one['runs'])} x {one['error']}: {_shared(one['share'])}" for one in found["failures"]]
    if found["failures"]:
        again = shell_command("sweep.failures", results_dir=found["results_dir"], sweep=found["sweep"])
        lines.append(f"{found['runs']['failed']} failed: {again}")
    lines += found["elsewhere"]
    if found["other_code"]:
        lines.append(f"{found['other_code']} rows were made by other code than was planned")
    if found["deaths"]:
        lines.append(describe_deaths(found["deaths"]))
    lines += describe_early([EndedEarly(**end) for end in found["early_ends"]])
    lines += describe_tasks(found["tasks"])
    return "\n".join(lines + ([f"SLURM does not answer: {found['slurm_error']}"] if found["slurm_error"] else []))


def _table(found: dict[str, Any]) -> str:
    """Runs by state: by bits, by the values of the other axes, and all."""
    table = Table("bits", "runs", *STATES)
    for column in table.columns[1:]:
        column.justify = "right"
    axes = [{f"{name}={level}": count for level, count in of.items()} for name, of in found["axes"].items()]
    for block in (found["bits"], *axes, {"all": found["runs"]}):
        for name, count in block.items():
            table.add_row(name, str(count["planned"]), *(str(count[state]) for state in STATES))
        table.add_section()
    return render(table)


def _hours_text(name: str, of: dict[str, float | None]) -> str:
    left = f", about {of['left']:.3g} left" if of["left"] else ""
    return f"{name.upper()}-hours: {of['spent']:.3g} spent{left}"


def _shared(values: dict[str, str]) -> str:
    return " and ".join(f"{name}={value}" for name, value in values.items()) or "nothing in common"


if __name__ == "__main__":
    main()
