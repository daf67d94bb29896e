"""A crash is told from a kill, by the log, by SLURM's exit codes, and in whole sweeps on this machine."""

import signal
from pathlib import Path

import pandas as pd
import pytest

from launchers.slurm import commands, endings, queue
from sweep.worker.crashes import CRASH_LINES, crash_signal, end_of, signal_name
from tests.sweeps import ARRAYS, run
from tests.worker.crashing_sweep import SWEEP, check_crashes, crashing_workers
from tests.worker.packs import pack_of

FATAL = 'Fatal Python error: {}\n\nCurrent thread 0x1 (most recent call first):\n  File "x.py", line 3 in step\n'
START = "submitit INFO (2026-01-01 00:00:00) - Starting with JobEnvironment(...)\n"
RAISED = "Traceback (most recent call last):\nRuntimeError: DataLoader worker (pid 7) is killed by signal\n"
PROCESS = "process 1 of 2 was killed by {}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (START + FATAL.format("Segmentation fault"), "SIGSEGV"),
        (START + "epoch 3" + FATAL.format("Aborted") + "srun: error: node1: task 0: Aborted\n", "SIGABRT"),
        (START + FATAL.format("Bus error"), "SIGBUS"),
        (START + FATAL.format("Illegal instruction"), "SIGILL"),
        (START + FATAL.format("Floating point exception"), "SIGFPE"),
        (START + FATAL.format("deallocating None"), "SIGABRT"),  # Python's own abort
        (START + FATAL.format("Segmentation fault") + RAISED + PROCESS.format("SIGSEGV"), "SIGSEGV"),
        (START + PROCESS.format("SIGKILL"), ""),
        (START + FATAL.format("Segmentation fault") + RAISED, ""),  # of a child; the worker went on
        (START + FATAL.format("Segmentation fault") + START, ""),  # of an earlier start
        (START, ""),
        ("", ""),
    ],
)
def test_the_log_tells_the_signal(text: str, expected: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(text)
    assert crash_signal(log) == expected
    assert crash_signal(tmp_path / "nowhere") == ""


def test_the_end_of_a_log_begins_where_the_crash_did(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n" * 30 + FATAL.format("Aborted") + "  File ...\n" * 2 * CRASH_LINES)
    lines = end_of(log).splitlines()
    assert lines[0] == "Fatal Python error: Aborted" and len(lines) == CRASH_LINES
    log.write_text("".join(f"{number}\n" for number in range(30)))
    assert end_of(log).splitlines() == [str(number) for number in range(10, 30)]
    assert end_of(tmp_path / "nowhere") == ""


def test_only_signals_of_crashes_have_a_name() -> None:
    assert signal_name(signal.SIGBUS) == "SIGBUS"
    assert {signal_name(number) for number in (0, -127, signal.SIGKILL, signal.SIGTERM, 999)} == {""}


CONTROLLER = "JobId=8 ArrayJobId=7 ArrayTaskId=0 JobState=FAILED Requeue=1 ExitCode={} DerivedExitCode={}\n"


@pytest.mark.parametrize(
    ("controller", "accounting", "expected"),
    [
        (CONTROLLER.format("139:0", "0:11"), None, "SIGSEGV"),
        (CONTROLLER.format("0:6", "0:0"), None, "SIGABRT"),
        (CONTROLLER.format("137:0", "0:9"), "139:0|0:11\n", ""),
        (None, "135:0|0:7\n135:0|\n0:7|\n", "SIGBUS"),
        (None, "1:0|1:0\n", ""),
        (None, None, ""),
    ],
)
def test_slurms_exit_codes_tell_the_signal(
    controller: str | None, accounting: str | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """scontrol forgets a task after minutes; not every cluster has accounting."""

    def answer(program: str, *arguments: str) -> str:
        listed = {"scontrol": controller, "sacct": accounting}[program]
        if listed is None:
            raise commands.Refused("Invalid job id specified")
        return listed

    for asking in (queue, endings):
        monkeypatch.setattr(asking, "run", answer)
    assert endings.ended(pack_of(1, tmp_path), "7_0", queue.shown("7").get("7_0")).signal == expected


def test_each_crash_of_a_local_worker_is_named_and_a_kill_stays_a_kill(tmp_path: Path) -> None:
    results_dir = tmp_path / "r"
    done = run(*SWEEP, f"results_dir={results_dir}", "workers=1", env=crashing_workers())
    check_crashes(results_dir, done)
    assert "crashed by SIGSEGV on" in done.stdout and ", 1 of at most 1 times; log: /" in done.stdout


def test_an_array_that_crashes_goes_on_in_halves(tmp_path: Path) -> None:
    results_dir = tmp_path / "r"
    sweep = [argument.replace("bits=2,3,4,6,8,32", "bits=6,32") for argument in SWEEP]
    done = run(*sweep, "seed=0,1", *ARRAYS, "workers=1", f"results_dir={results_dir}", env=crashing_workers())
    assert done.returncode == 1 and "in an array of 4: crashed by SIGBUS on" in done.stdout, done.stdout + done.stderr
    assert "; in halves now; log: /" in done.stdout
    table = pd.read_parquet(results_dir / "rows").set_index("bits")
    assert table.loc[32, "status"].tolist() == ["finished"] * 2 and table.loc[6, "status"].tolist() == ["failed"] * 2
    assert all("crashed by SIGBUS" in error for error in table.loc[6, "error"])
