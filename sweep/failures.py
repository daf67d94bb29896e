"""`python -m sweep.failures results_dir=DIR [sweep=ID]`: what failed, by cause, and what the failed runs share."""

import sys
from pathlib import Path

from sweep.commands.arguments import Command, Section
from sweep.commands.keys import RESULTS_DIR, SWEEP
from sweep.commands.observe import Sweep, describe_deaths, describe_early, find_sweeps
from sweep.results.clusters import clusters
from sweep.results.events import Started

COMMAND = Command("sweep.failures", __doc__, (Section("Options", (RESULTS_DIR, SWEEP)),))
SHOWN_RUNS = 5


def describe(sweep: Sweep) -> str:
    runs = sweep.runs()
    failed = int((runs["status"] == "failed").sum())
    lines = [f"sweep {sweep.sweep_id} in {sweep.results_dir}: {failed} of {len(runs)} runs failed"]
    for cluster in clusters(runs):
        lines += ["", f"{len(cluster.runs)} x {cluster.message}", f"  {cluster.shared}"]
        logs = _logs(sweep)
        for _, run in cluster.runs.head(SHOWN_RUNS).iterrows():
            lines.append(f"  {run['run_id'][:12]}  {logs.get(run['task_id'], '')}")
    early, deaths = describe_early(sweep.early_ends()), describe_deaths(sweep.deaths())
    return "\n".join([*lines, *(["", *early] if early else []), *(["", deaths] if deaths else [])])


def _logs(sweep: Sweep) -> dict[str, Path]:
    """By task, the log of the worker that was last at it, named by the id of its scheduler job."""
    starts = [event for event in sweep.events() if isinstance(event, Started)]
    return {start.task_id: sweep.folder.logs / start.log for start in starts if start.log}


def main() -> None:
    arguments = COMMAND.parse(sys.argv[1:])
    print("\n\n".join(describe(sweep) for sweep in find_sweeps(arguments[RESULTS_DIR], arguments[SWEEP])))


if __name__ == "__main__":
    main()
