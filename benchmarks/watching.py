"""CPU seconds, and calls of squeue, a minute of a launcher that watches a sweep of 1,000 tasks.

    PYTHONPATH=. python benchmarks/watching.py

squeue is a script that prints 1,000 tasks; the time of such children counts, too.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from launchers.launch import Launch
from launchers.slurm.executor import Limits, SlurmExecutor
from launchers.slurm.ledger import Ledger
from sweep.config.settings import Settings
from sweep.results.events import Started
from sweep.results.journal import record
from sweep.results.paths import ResultsDir
from tests.launchers.programs import install
from tests.plan.tasks import tasks

TASKS = 1000


def cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


class Enough(Exception):
    """The time is over."""


class Clock:
    """Ends what it is slept with after so many seconds, and tells the CPU seconds that took."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._deadline = seconds, 0.0

    def sleep(self, pause_s: float) -> None:
        if time.monotonic() > self._deadline:
            raise Enough
        time.sleep(pause_s)

    def per_minute(self, watch: Callable[[], object]) -> float:
        self._deadline, before = time.monotonic() + self._seconds, cpu_s()
        with suppress(Enough):
            watch()
        return (cpu_s() - before) * 60 / self._seconds


def launched(results: ResultsDir, sleep: Callable[[float], None]) -> Launch:
    sweep_dir, all_tasks = results.sweep("s"), tasks([60.0] * TASKS)
    sweep_dir.path.mkdir(parents=True, exist_ok=True)
    settings = Settings(results_dir=str(results.path))
    executor = SlurmExecutor(sweep_dir, {}, Limits(TASKS, TASKS, 60, 120), poll_s=10.0)
    launch = Launch(all_tasks, settings, sweep_dir, Path.cwd(), TASKS, executor, sleep=sleep)
    packs = [launch.make_pack(f"p{number}", (task,)) for number, task in enumerate(all_tasks)]
    if not sweep_dir.submissions.exists():
        Ledger(sweep_dir).announce("ours", packs)
        Ledger(sweep_dir).confirm("ours", [f"7_{number}" for number in range(TASKS)])
        for pack in packs:
            record(pack.journal, Started(pack.tasks[0].task_id))
    launch.attach(executor.attach({task.task_id: task for task in all_tasks}, launch.make_pack))
    return launch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines = "".join(f"7_{n}|RUNNING|n1|N/A|N/A|ours|ours|None\n" for n in range(TASKS))
        (Path(folder) / "listed").write_text(lines)
        programs = install(Path(folder) / "bin", squeue=f"echo >>$0.calls; cat {folder}/listed")
        os.environ["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"
        results = ResultsDir(Path(folder) / "r")
        clock = Clock(asked.seconds)
        launch = launched(results, clock.sleep)
        used = clock.per_minute(launch.follow)
        calls = len((programs / "squeue.calls").read_text().splitlines())
        each = f"{calls * 60 / asked.seconds:.1f} calls of squeue"
        print(f"launcher: {used:.2f} CPU-s and {each} a minute", file=sys.stderr)


if __name__ == "__main__":
    main()
