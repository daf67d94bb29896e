"""Tests that end or hang their process, run by pytest with the options of this project."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sweep import PROJECT

CRASH = "def test_crash(): os.kill(os.getpid(), signal.{})\n"
HANG = "def test_hang(): ctypes.PyDLL(None).sleep(1000)  # with the GIL, as in a lock of malloc\n"
GOOD = "@pytest.mark.parametrize('i', range({}))\ndef test_good(i): pass\n"
GROUP = (
    "@pytest.mark.xdist_group('g')\n"
    "@pytest.mark.parametrize('i', range(4))\n"
    "def test_group(i):\n"
    "    if i in (1, 2): os.abort()\n"
)


def run_tests(folder: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """What pytest says of a file with `text`."""
    (folder / "conftest.py").write_text("from tests.scheduling import pytest_xdist_make_scheduler\n")
    (folder / "test_it.py").write_text(f"import ctypes, os, pytest, signal\n{text}")
    command = [sys.executable, "-m", "pytest", f"--config-file={PROJECT / 'pyproject.toml'}", f"--rootdir={folder}"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [*command, "-p", "no:cacheprovider", *options, str(folder)],
        capture_output=True, text=True, timeout=240, env=env | {"PYTHONPATH": str(PROJECT)}, cwd=folder,
    )  # fmt: skip


def check(done: subprocess.CompletedProcess[str], passed: int, *failed: str) -> None:
    """These tests failed, each once and by its name, `passed` others passed, and the summary is the last line."""
    names = re.findall(r"^FAILED test_it\.py::(\S+?)(?:@g)?(?: |$)", done.stdout, re.MULTILINE)
    assert done.returncode == 1 and sorted(names) == sorted(failed), done.stdout + done.stderr
    counts = f"{len(failed)} failed" + (f", {passed} passed" if passed else "")
    assert re.fullmatch(rf"=+ {counts} in .* =+", done.stdout.splitlines()[-1]), done.stdout
    for name in failed:
        assert re.search(rf"worker 'gw\d+' crashed while running '\S*test_it\.py::{re.escape(name)}", done.stdout)


@pytest.mark.parametrize(("name", "good"), [("SIGSEGV", 0), ("SIGABRT", 1), ("SIGSEGV", 12), ("SIGKILL", 12)])
def test_a_crash_is_a_failure_with_a_name(name: str, good: int, tmp_path: Path) -> None:
    done = run_tests(tmp_path, CRASH.format(name) + (GOOD.format(good) if good else ""))
    check(done, good, "test_crash")
    assert ("Fatal Python error" in done.stderr) == (name != "SIGKILL")


def test_the_others_of_a_group_run_in_the_next_worker(tmp_path: Path) -> None:
    done = run_tests(tmp_path, GOOD.format(6) + GROUP + CRASH.format("SIGBUS"))
    check(done, 8, "test_crash", "test_group[1]", "test_group[2]")


def test_a_hang_is_a_failure_with_a_name(tmp_path: Path) -> None:
    done = run_tests(tmp_path, HANG + GOOD.format(6), "-o", "faulthandler_timeout=3")
    check(done, 6, "test_hang")
    assert "Timeout (0:00:03)!" in done.stderr and "in test_hang" in done.stderr


def test_workers_that_die_before_any_test_end_the_run(tmp_path: Path) -> None:
    """At a limit, else they would be started again for ever."""
    done = run_tests(tmp_path, "os.abort()\n", "--max-worker-restart=2")
    assert done.returncode != 0 and "maximum crashed workers reached: 2" in done.stdout


def test_a_test_may_take_half_an_hour(pytestconfig: pytest.Config) -> None:
    assert float(pytestconfig.getini("faulthandler_timeout")) == 1800
    assert pytestconfig.getini("faulthandler_exit_on_timeout")
