"""A sweep in which each run ends its worker by another signal, and what is then told of each."""

from pathlib import Path
from typing import Any

import pandas as pd

from sweep.commands.observe import find_sweeps
from sweep.failures import describe
from sweep.results.provenance import machine
from tests.faulty import FAULTY, failing
from tests.sweeps import ONE_OPTIMIZER, SMALL

FAULTS = {2: "SIGSEGV", 4: "SIGABRT", 6: "SIGBUS", 8: "SIGILL"}  # by bits; 3: SIGKILL
SWEEP = ["-m", *SMALL, *ONE_OPTIMIZER, FAULTY, "bits=2,3,4,6,8,32", "max_attempts=1", "stop_after_same_error=9"]


def crashing_workers() -> dict[str, str]:
    """An environment in which workers get a signal from a run by its bits."""
    return failing({name: {"bits": bits} for bits, name in (FAULTS | {3: "SIGKILL"}).items()})


def check_crashes(results_dir: Path, done: Any, with_trace: bool = True) -> None:
    """Every run has its own end, and the row of each says by what signal, where and on what."""
    assert done.returncode == 1 and "1 of 6 runs done, 5 failed" in done.stdout, done.stdout + done.stderr
    table = pd.read_parquet(results_dir / "rows").set_index("bits")
    assert table["status"].to_dict() == dict.fromkeys((2, 3, 4, 6, 8), "failed") | {32: "finished"}
    found = machine()
    cpu = f"on {found.cpu} ({found.cpu_capability}) with torch {found.torch_version}"
    for bits, name in FAULTS.items():
        first, _, trace = table.loc[bits, "error"].partition("\n")
        assert f"1 times at this run: crashed by {name} {cpu}, qsweep {found.qsweep_version}; end of /" in first
        assert f"_0_log.out at run {table.loc[bits, 'run_id'][:12]}:" in first
        assert (trace.startswith("Fatal Python error: ") and " in learning_rate" in trace) == with_trace
    assert table.loc[3, "error"].startswith("the worker ended 1 times at this run: killed; end of /")
    assert (table["cpu_capability"] == found.cpu_capability).all()
    (sweep,) = find_sweeps(results_dir, "")
    assert sweep.deaths() == dict.fromkeys(["killed", *(f"crashed by {name}" for name in FAULTS.values())], 1)
    assert "1 x the worker ended 1 times at this run: crashed by SIGBUS on" in describe(sweep)
