"""A piece of work of each kind; `python -m tests.plan.pieces NAME RESULTS_DIR` does one, and says what it imported."""

import json
import sys
from dataclasses import replace
from pathlib import Path

from sweep.config.distorting import Distortion
from sweep.config.measuring import MeasureConfig, make_measure_config
from sweep.config.run import DataSource, RunConfig
from sweep.config.settings import Settings
from sweep.config.work import TRAINING, Work
from sweep.plan.code import Code, TodaysCode
from sweep.plan.packs import Pack, Task
from sweep.plan.sources import Sources
from sweep.worker.job import work_on
from tests.conftest import DIGITS, tiny_run

CIFAR = DataSource("cifar10", "cifar10", "")
TEACHER = tiny_run(model="wide_resnet", depth=10, quantizer="lsq_plus")
STUDENT = tiny_run(quantizer="dorefa", teacher=f"run:{TEACHER.run_id}")
SAQ_VALUES = {"quantizer": "saq", "act_bits": 4, "rule": "saq", "rho": 0.05, "saq_case": 1}
QUICK = MeasureConfig(search_steps=1, noise_samples=1, restarts=1, ascent_steps=1, hessian_iterations=1)
FOG = Distortion("fog", 1)
WORK: dict[str, tuple[Work, RunConfig, DataSource, str]] = {
    "lsq": (TRAINING, tiny_run(), DIGITS, "plain"),
    "saq": (TRAINING, tiny_run(dataset="cifar10", model="resnet20", **SAQ_VALUES), CIFAR, "plain"),
    "float": (TRAINING, tiny_run(bits=32, optimizer="adam", momentum=0), DIGITS, "plain"),
    "array": (TRAINING, tiny_run(), DIGITS, "array"),
    "taught": (TRAINING, STUDENT, DIGITS, "plain"),
    "measure": (Work("measure", QUICK), tiny_run(), DIGITS, "plain"),
    "norms": (Work("measure", make_measure_config({"measures": "norms"})), tiny_run(), DIGITS, "plain"),
    "distort": (Work("distort", FOG), tiny_run(), DIGITS, "plain"),
}


def code_of(name: str, sources: Sources, on_digits: bool = False) -> Code:
    """The code of a piece of `WORK`, as `sources` have it."""
    work, run, source, engine = WORK[name]
    today = TodaysCode(work.kind, lambda student: TEACHER, sources=sources)
    return today.of(run, DIGITS if on_digits else source, engine, work.options)


def tasks_of(name: str, results_dir: Path) -> list[Task]:
    """What is done for a piece of `WORK`, on digits, the training that it needs first."""
    work, run, _, engine = WORK[name]
    run = replace(run, dataset="digits")
    first = {"taught": [TEACHER], "measure": [run], "distort": [run]}.get(name, [])
    if work.kind == "distort":
        from sweep.distortions.images import images_for

        images_for(DIGITS, run).prepare([FOG], results_dir / "cache", 1, lambda made: None)
    code = {each: TodaysCode(each, lambda student: TEACHER) for each in ("train", work.kind)}
    return [
        Task(
            each, each.run_id, DIGITS, 1, False, 1.0, code[does.kind].of(each, DIGITS, engine, does.options).entries,
            "", does,
        )
        for each, does in [*((each, TRAINING) for each in first), (run, work)]
    ]  # fmt: skip


def main(name: str, results_dir: Path) -> None:
    """Does it, with what it needs first, and prints the modules of `sweep` that this process has then."""
    settings = Settings(str(results_dir), device="cpu", engine=WORK[name][3], keep_weights=True)
    for number, task in enumerate(tasks_of(name, results_dir)):
        work_on(Pack(f"pack-{number}", (task,), str(results_dir / "sweep"), settings, 0))
    print(json.dumps([module for module in sys.modules if module.startswith("sweep.")]))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
