"""One of the processes that train one run together: `python -m sweep.worker.rank FOLDER`, started by torchrun."""

import os
import pickle
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch
import torch.distributed as dist

from sweep.plan.packs import Pack, Task
from sweep.training.plain import train
from sweep.training.progress import Interrupted
from sweep.training.ranks import DistributedRanks
from sweep.training.result import TrainingResult
from sweep.worker.environment import extend_search_path
from sweep.worker.images import training_data
from sweep.worker.imported_code import with_own_code
from sweep.worker.processes import ERROR, RESULT, STOP, TASK
from sweep.worker.stops import StopRequest
from sweep.worker.train import options_of


def main(folder: Path) -> None:
    task, pack = pickle.loads((folder / TASK).read_bytes())
    extend_search_path(pack.search_path)
    torch.set_num_threads(pack.settings.threads)
    worker_is_gone = StopRequest(os.getppid())

    def stop() -> bool:
        return (folder / STOP).exists() or worker_is_gone()

    try:
        _check_code(task)
        _train(task, pack, stop, folder)
    except Exception:
        (folder / f"{ERROR}{os.environ['RANK']}").write_text(traceback.format_exc())
        raise


def _check_code(task: Task) -> None:
    """Raises RuntimeError where this process imports other code than the worker, whose row says what it is."""
    (own,) = with_own_code([task])
    if own.code != task.code:
        raise RuntimeError("the code was edited while the processes of a run started: give the same command again")


def _train(task: Task, pack: Pack, stop: Callable[[], bool], folder: Path) -> None:
    """Leaves the result in `folder`, or None where the run was stopped."""
    device = _own_device(pack.settings.device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    ranks = DistributedRanks()
    options = options_of(task, pack, ranks.any_asked(stop, device), ranks)
    result: TrainingResult | None = None
    with suppress(Interrupted):
        result = train(task.run, training_data(task, pack.settings, device), device, options)
    if ranks.is_first:
        (folder / RESULT).write_bytes(pickle.dumps(result))
    dist.destroy_process_group()


def _own_device(device_type: str) -> torch.device:
    if device_type == "cpu":
        return torch.device(device_type)
    device = torch.device(device_type, int(os.environ["LOCAL_RANK"]))
    torch.cuda.set_device(device)
    return device


if __name__ == "__main__":
    main(Path(sys.argv[1]))
