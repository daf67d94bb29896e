"""Which engine trains a task."""

import datetime
from pathlib import Path

import pytest

from launchers.commit import commit_failure
from launchers.packs import Pack, Task
from launchers.work.train import results
from sweep.rows import rows_store
from sweep.settings import Settings
from tests.conftest import DIGITS, tiny_run


@pytest.mark.parametrize(("changes", "engine"), [({}, "array"), ({"act_bits": 8}, "plain")])
def test_a_task_that_cannot_join_an_array_is_trained_by_the_plain_engine(
    changes: dict[str, object], engine: str, tmp_path: Path
) -> None:
    run = tiny_run(epochs=1, **changes)
    task = Task(run, run.run_id, DIGITS, attempt=1, has_row=False, expected_s=1.0)
    settings = Settings(engine="array", device="cpu", results_dir=str(tmp_path))
    pack = Pack("pack", (task,), str(tmp_path), settings, launcher_pid=0)
    ((index, result),) = results([task], pack, [lambda: False])
    assert index == 0 and result is not None
    assert (result["engine"], result["status"]) == (engine, "finished")
    commit_failure(task, pack, "trace", datetime.datetime.now(datetime.UTC))
    assert rows_store(tmp_path).read()["engine"].to_pylist() == [engine]
