"""Today's code of the runs of a results directory, and what was accepted as equal to it there."""

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sweep.config.run import RUN_FIELDS
from sweep.config.work import Kind
from sweep.plan.code import CodeOfWork, TodaysCode
from sweep.results.accepted import accepted_code
from sweep.results.rows import stored
from sweep.worker.weight_files import teacher_run


def todays_code(kind: Kind, results_dir: Path, rows: Iterable[Mapping[str, Any]]) -> TodaysCode:
    """Returns today's code of work of `kind`; `rows` are of trained runs, among them every run that is a teacher."""
    teachers = {row["run_id"]: row for row in rows}
    return TodaysCode(kind, partial(teacher_run, rows=teachers), accepted_code(results_dir, kind))


def code_of_work(kind: Kind, results_dir: Path) -> CodeOfWork:
    """Returns the code of work on trained runs, a function of run and images, with the engine that trained each."""
    rows = stored(results_dir, ("run_id", "engine", *RUN_FIELDS))
    engines = {row["run_id"]: row["engine"] or "plain" for row in rows}
    code = todays_code(kind, results_dir, rows)
    return lambda run, source, options: code.of(run, source, engines[run.run_id], options)
