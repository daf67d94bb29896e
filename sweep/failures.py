"""`python -m sweep.failures results_dir=DIR [sweep=ID]`: what failed, by cause, and what the failed runs share."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from launchers.journal import DIED
from sweep.cli import run_command
from sweep.config import RUN_FIELDS
from sweep.observe import Sweep, show_sweeps

SHOWN_RUNS = 5
_VARIABLE = (
    (re.compile(r"0x[0-9a-fA-F]+"), "0x..."),
    (re.compile(r"\b[0-9a-f]{12,}\b"), "<id>"),
    (re.compile(r"(/[\w.+-]+){2,}"), "<path>"),
    (re.compile(r"\d+(\.\d+)?(e[+-]?\d+)?"), "<n>"),
)
_FRAME = re.compile(r'File "(?P<file>[^"]+)", line \d+, in (?P<function>\S+)')


@dataclass(frozen=True)
class Cluster:
    """Failed runs whose traces are equal but for numbers, ids, paths and addresses."""

    message: str
    runs: pd.DataFrame
    shared: dict[str, object]
    is_all_of_them: bool  # whether every run of the sweep with the shared values failed so


def normalize(trace: str) -> tuple[str, ...]:
    """What two traces of one fault have in common: the frames by file and function, and the message."""
    lines = trace.strip().splitlines() or [""]
    message = lines[-1] if _FRAME.search(trace) else lines[0]
    for pattern, replacement in _VARIABLE:
        message = pattern.sub(replacement, message)
    frames = (f"{Path(found['file']).name}:{found['function']}" for found in _FRAME.finditer(trace))
    return (*frames, message)


def clusters(runs: pd.DataFrame) -> list[Cluster]:
    """The failed among `runs` (with the columns of a plan, `status` and `error`), the largest cluster first."""
    failed = runs[runs["status"] == "failed"]
    keys = failed["error"].fillna("").map(normalize)
    found = [_cluster(failed[keys == key], runs) for key in keys.unique()]
    return sorted(found, key=lambda cluster: -len(cluster.runs))


def _cluster(members: pd.DataFrame, runs: pd.DataFrame) -> Cluster:
    trace = str(members["error"].iloc[0]).strip()
    message = trace.splitlines()[-1] if _FRAME.search(trace) else trace.partition("\n")[0]
    texts = runs[list(RUN_FIELDS)].astype(str)
    own = texts.loc[members.index]
    shared = {name: own[name].iloc[0] for name in RUN_FIELDS if own[name].nunique() == 1 < texts[name].nunique()}
    alike = (texts[list(shared)] == pd.Series(shared)).all(axis=1) if shared else pd.Series(True, runs.index)
    return Cluster(message, members, shared, int(alike.sum()) == len(members))


def describe(sweep: Sweep) -> str:
    runs = sweep.runs()
    failed = int((runs["status"] == "failed").sum())
    lines = [f"sweep {sweep.sweep_id} in {sweep.results_dir}: {failed} of {len(runs)} runs failed"]
    for cluster in clusters(runs):
        lines += ["", f"{len(cluster.runs)} x {cluster.message}", f"  {_what_they_share(cluster)}"]
        logs = _logs(sweep)
        for _, run in cluster.runs.head(SHOWN_RUNS).iterrows():
            lines.append(f"  {run['run_id'][:12]}  {logs.get(run['task_id'], '')}")
    deaths = Counter(event["cause"] for event in sweep.events() if event["event"] == DIED)
    if deaths:
        causes = ", ".join(f"{count} {cause}" for cause, count in deaths.most_common())
        lines += ["", f"workers that ended before their runs, and were tried again: {causes}"]
    return "\n".join(lines)


def _what_they_share(cluster: Cluster) -> str:
    if not cluster.shared:
        return "no value in common that other runs do not have"
    values = " and ".join(f"{name}={value}" for name, value in cluster.shared.items())
    return f"{'all' if cluster.is_all_of_them else 'some of the'} runs with {values}"


def _logs(sweep: Sweep) -> dict[str, Path]:
    """By task, the log of the worker that was last at it, named by the id of its scheduler job."""
    return {event["task_id"]: sweep.folder / "logs" / event["log"] for event in sweep.events() if event.get("log")}


def main() -> None:
    show_sweeps(describe)


if __name__ == "__main__":
    run_command(main)
