"""Several processes that train one run: torchrun's agent starts them, and this process watches over them."""

import pickle
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sweep.plan.packs import Pack, Task

if TYPE_CHECKING:
    from sweep.training.result import TrainingResult

POLL_S = 0.1
TASK, STOP, RESULT, ERROR = (
    "task.pkl",
    "stop",
    "result.pkl",
    "error-",
)  # in the folder of a run


def train_in_processes(task: Task, pack: Pack, stop: Callable[[], bool]) -> "TrainingResult | None":
    """Trains `task` in as many processes as the settings say; see `sweep.worker.rank` for what one of them does.

    Returns its result, or None where `stop` turned true: then a checkpoint is there. Raises
    RuntimeError with the trace of a process that raised, and exits where one was killed, as if this one had been.
    """
    with tempfile.TemporaryDirectory(prefix="qsweep-run-") as name:
        folder = Path(name)
        (folder / TASK).write_bytes(pickle.dumps((task, pack)))
        agent = _Agent(folder, pack.settings.processes_per_run)
        while agent.is_alive():
            if stop():
                (folder / STOP).touch()
            agent.join(POLL_S)
        agent.raise_failure()
        result: TrainingResult | None = pickle.loads((folder / RESULT).read_bytes())
        return result


class _Agent(threading.Thread):
    """torchrun's agent. In a thread it leaves alone the signal handlers by which workers are asked to stop."""

    def __init__(self, folder: Path, processes: int) -> None:
        super().__init__(daemon=True)
        self._folder, self._processes = folder, processes
        self._failure: BaseException | None = None
        self.start()

    def run(self) -> None:
        from torch.distributed.launcher.api import LaunchConfig, elastic_launch

        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=self._processes,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",  # a free port, as torchrun --standalone takes it
            rdzv_configs={"is_host": True},
            run_id=self._folder.name,
            local_addr="localhost",
            max_restarts=0,  # that is up to the launcher
        )
        try:
            elastic_launch(config, sys.executable)("-u", "-m", "sweep.worker.rank", str(self._folder))
        except BaseException as failure:
            self._failure = failure

    def raise_failure(self) -> None:
        """Does nothing where all processes ended well."""
        from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

        if self._failure is None:
            return
        if not isinstance(self._failure, ChildFailedError):
            raise self._failure
        for rank, failure in self._failure.failures.items():  # what the others raise of a kill may come first
            if failure.exitcode < 0 and -failure.exitcode != signal.SIGTERM:  # by which torchrun ends the others
                sys.exit(f"process {rank} of {self._processes} was killed by {failure.signal_name()}")
        raise RuntimeError(f"one of {self._processes} processes raised:\n{self._first_trace()}") from self._failure

    def _first_trace(self) -> str:
        traces = sorted(self._folder.glob(f"{ERROR}*"), key=lambda path: path.stat().st_mtime_ns)
        return traces[0].read_text() if traces else str(self._failure)
