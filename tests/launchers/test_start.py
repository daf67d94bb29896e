"""The first moments of a worker: signals that come before it can obey them, and the shell that it starts in."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from launchers.local import _WorkerExecutor
from launchers.slurm.launcher import check_warning
from launchers.slurm.submission import setup_script
from sweep import PROJECT
from sweep.config.checks import ConfigError
from sweep.worker import signals

ASKS = [signal.SIGTERM, signal.SIGUSR2]


@pytest.mark.parametrize("number", ASKS)
def test_a_signal_that_comes_while_submitit_is_imported_is_kept(number: signal.Signals, tmp_path: Path) -> None:
    core = tmp_path / "submitit" / "core"
    core.mkdir(parents=True)
    (core / "__init__.py").write_text("")
    (core.parent / "__init__.py").write_text(f"import os; os.kill(os.getpid(), {int(number)})")
    (core / "job_environment.py").write_text("class JobEnvironment: ...")
    (core / "submission.py").write_text(
        "from sweep.worker import signals\ndef process_job(folder): print(folder, signals.take(), signals.take())"
    )
    env = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{PROJECT}"}
    argv = [sys.executable, "-m", "launchers.start", "logs"]
    done = subprocess.run(argv, capture_output=True, text=True, env=env, timeout=60)
    assert (done.returncode, done.stdout) == (0, f"logs {int(number)} None\n"), done.stderr


def told(number: int) -> int | None:
    os.kill(os.getpid(), number)
    return signals.take()


@pytest.mark.parametrize("number", ASKS)
def test_submitit_leaves_the_handlers_alone(number: signal.Signals, tmp_path: Path) -> None:
    """Its own pass over SIGTERM, and requeue the task or raise at SIGUSR2."""
    executor = _WorkerExecutor(folder=tmp_path)
    executor.update_parameters(timeout_min=1)
    assert executor.submit(told, number).result() == number


@pytest.mark.parametrize(("time_min", "signal_delay_s"), [(2, 30), (2, 1), (60, 120), (4, 120), (60, 3510)])
def test_a_warning_that_leaves_time(time_min: int, signal_delay_s: int) -> None:
    check_warning(time_min, signal_delay_s)


@pytest.mark.parametrize(
    ("time_min", "signal_delay_s", "allowed"),
    [
        (2, 120, "allowed are signal_delay_s from 1 to 30, or time_min from 4 up"),
        (2, 31, "allowed are signal_delay_s from 1 to 30, or time_min from 3 up"),
        (1, 1, "allowed are time_min from 2 up"),
        (60, 7200, "allowed are signal_delay_s from 1 to 3510, or time_min from 122 up"),
    ],
)
def test_a_warning_that_leaves_none(time_min: int, signal_delay_s: int, allowed: str) -> None:
    with pytest.raises(ConfigError, match=f"signal_delay_s={signal_delay_s} .*time_min={time_min}: .*{allowed}$"):
        check_warning(time_min, signal_delay_s)


def in_shell(*lines: str) -> subprocess.CompletedProcess[str]:
    script = "\n".join([*setup_script(lines), "echo trains with $A"])
    return subprocess.run(["bash"], input=script, capture_output=True, text=True)


def test_setup_lines_share_one_shell_and_are_named() -> None:
    done = in_shell("export A='b  c'", 'A="$A d"')
    assert (done.returncode, done.stdout.splitlines()) == (
        0, ["qsweep setup 1 of 2: export A='b  c'", 'qsweep setup 2 of 2: A="$A d"', "trains with b c d"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "code", "last"),
    [
        ("false", 1, "qsweep setup 2 of 3: false failed with exit code 1"),
        ("(exit 7)", 7, "qsweep setup 2 of 3: (exit 7) failed with exit code 7"),
        ("no_such_program", 127, "qsweep setup 2 of 3: no_such_program failed with exit code 127"),
        ("exit 3", 3, "qsweep setup 2 of 3: exit 3"),
        ("set -e; false", 1, "qsweep setup 2 of 3: set -e; false"),
        ("if true", 2, "qsweep setup 2 of 3: if true failed with exit code 2"),  # a syntax error
    ],
)
def test_a_setup_line_that_fails_ends_the_task_and_is_the_last_that_is_named(line: str, code: int, last: str) -> None:
    done = in_shell("A=1", line, "A=2")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (code, last)
