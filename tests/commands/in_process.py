"""Commands as a user types them, in this process: what ends before any worker starts."""

import io
import runpy
import sys
import tempfile
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pandas as pd
import pytest

from sweep import data, run


def refusal(command: str, *arguments: str) -> str:
    """What `python -m sweep.COMMAND` says on both streams as it refuses its arguments, by the lines that it runs.

    It ends with another status than 0; an error that ends it is shown by the hook that the command has for errors.
    """
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(said):
        patch.setattr(sys, "argv", [command, *arguments])
        status = _status_of(command)
    assert status not in (0, None), said.getvalue()
    return said.getvalue() + (status if isinstance(status, str) else "")


def _status_of(command: str) -> int | str | None:
    """As the interpreter runs a module, and ends."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*found in sys.modules", category=RuntimeWarning)
            runpy.run_module(f"sweep.{command}", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        return ended.code
    except Exception:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def planned(tmp_path: Path, *arguments: str) -> pd.DataFrame:
    """The plan that a sweep leaves on disk before images are prepared; here the command ends then."""
    results_dir = Path(tempfile.mkdtemp(dir=tmp_path))
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit, match="planned"):
        patch.setattr(data, "prepare", lambda *asked: sys.exit("planned"))
        patch.setattr(sys, "argv", ["sweep.run", *arguments, "hydra/launcher=local", f"results_dir={results_dir}"])
        run.main()
    (plan,) = results_dir.glob("sweeps/*/plan.parquet")
    return pd.read_parquet(plan)
