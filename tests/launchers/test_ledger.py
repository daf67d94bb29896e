"""The ledger of submissions, and what SLURM's error messages mean."""

from pathlib import Path

import pytest

from launchers.slurm.commands import ClusterUnavailable, Refused, SubmitLimit, error_of
from launchers.slurm.executor import Limits, SlurmExecutor
from launchers.slurm.ledger import Ledger, Submitted
from sweep.config.settings import Settings
from sweep.plan.packs import Pack
from sweep.results.paths import SweepDir
from tests.plan.tasks import tasks


def packs(tmp_path: Path, count: int) -> list[Pack]:
    return [Pack(f"p{i}", (task,), str(tmp_path), Settings(), 1) for i, task in enumerate(tasks([1.0] * count))]


def test_an_array_is_live_from_confirmation_to_the_end_of_each_pack(tmp_path: Path) -> None:
    ledger, given = Ledger(SweepDir(tmp_path)), packs(tmp_path, 2)
    assert ledger.open() == ([], [])
    ledger.announce("a", given)
    assert ledger.open() == ([], ["a"])
    ledger.confirm("a", ["7_0", "7_1"])
    run_ids = [(pack.tasks[0].run_id,) for pack in given]
    assert ledger.open()[0] == [Submitted("p0", run_ids[0], "a", "7_0"), Submitted("p1", run_ids[1], "a", "7_1")]
    ledger.end("p0")
    ledger.announce("b", given[:1])
    live, unsure = Ledger(SweepDir(tmp_path)).open()  # as another launcher reads it
    assert ([entry.pack_id for entry in live], unsure) == (["p1"], ["b"])
    ledger.withdraw("b")
    ledger.end("p1")
    assert ledger.open() == ([], [])


def test_what_a_ledger_holds_and_what_it_passes_over(tmp_path: Path) -> None:
    """Lines as ledgers have them on disk, at first with run ids, torn, and of a later version."""
    path = SweepDir(tmp_path).submissions
    path.write_text(
        '{"event": "announced", "name": "a", "packs": [{"pack_id": "p0", "task_ids": ["t0"]}], "by": "me"}\n'
        '{"event": "confirmed", "name": "a", "tasks": ["7_0"]}\n'
        '{"event": "announced", "name": "b", "packs": [{"pack_id": "p1", "run_ids": ["t1"]}]}\n'
        '{"event": "confirmed", "name": "b", "tasks": ["8_0"]}\n'
        '{"event": "ended", "pack_id": "p0"}\n'
        '{"event": "claimed", "pack_id": "p1"}\n'
        '{"event": "ended", "pack_'
    )
    assert Ledger(SweepDir(tmp_path)).open() == ([Submitted("p1", ("t1",), "b", "8_0")], [])
    path.unlink()
    ledger, (pack,) = Ledger(SweepDir(tmp_path)), packs(tmp_path, 1)
    ledger.announce("a", [pack])
    ledger.confirm("a", ["7_0"])
    ledger.withdraw("a")
    ledger.end("p0")
    listed = f'{{"pack_id": "p0", "task_ids": ["{pack.tasks[0].task_id}"]}}'
    assert path.read_text() == (
        f'{{"event": "announced", "name": "a", "packs": [{listed}]}}\n'
        '{"event": "confirmed", "name": "a", "tasks": ["7_0"]}\n'
        '{"event": "withdrawn", "name": "a"}\n'
        '{"event": "ended", "pack_id": "p0"}\n'
    )


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation", ClusterUnavailable),
        ("slurm_load_jobs error: Unable to contact slurm controller (connect failure)", ClusterUnavailable),
        ("sbatch: error: AssocMaxSubmitJobLimit\nJob violates accounting/QOS policy (job submit limit)", SubmitLimit),
        ("sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying", SubmitLimit),
        ("sbatch: error: invalid partition specified: nowhere", Refused),
    ],
)
def test_errors(message: str, kind: type[Exception]) -> None:
    assert type(error_of(message)) is kind


@pytest.mark.parametrize("capacity", [1, 3, 8])
def test_a_limit_that_the_cluster_does_not_tell_is_found(
    capacity: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An array that does not fit is refused whole; a full queue is left alone until a task has ended."""
    calls: list[int] = []
    executor = SlurmExecutor(SweepDir(tmp_path), {}, Limits(100, 1_000_000, 60, 120), poll_s=1.0)
    in_queue = executor._submitted

    def submit_array(given: list[Pack]) -> None:
        calls.append(len(given))
        if len(in_queue) + len(given) > capacity:
            raise SubmitLimit("AssocMaxSubmitJobLimit")
        in_queue.update({pack.pack_id: Submitted(pack.pack_id, (), "a", "1") for pack in given})

    monkeypatch.setattr(executor, "_submit_array", submit_array)
    executor.submit(packs(tmp_path, 20))
    assert len(in_queue) == capacity and executor.waiting == 20 - capacity
    refused = len(calls)
    executor._submit_waiting()
    assert len(calls) == refused  # full: not asked
    while executor.waiting:
        in_queue.pop(next(iter(in_queue)))
        executor._submit_waiting()
        assert len(in_queue) == capacity
