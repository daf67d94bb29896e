"""What every launcher of ours is: it takes tasks, and brings packs of them onto machines."""

import dataclasses
from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, Protocol

from hydra.core.utils import JobReturn
from hydra.errors import CompactHydraException
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from launchers.progress import Tally
from sweep.config.settings import Settings
from sweep.plan.packs import Pack, Task
from sweep.results.events import Event
from sweep.results.paths import SweepDir
from sweep.worker.causes import in_words

Device = Literal["cpu", "cuda"]
Listener = Callable[[Event], None]  # gets every event of the journals


class PlanLauncher(Launcher):
    """The base of launchers: one of Hydra's that takes the tasks of a plan instead of lists of overrides."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Nothing is needed of Hydra: plans come with their settings."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        raise CompactHydraException("this launcher takes plans, not lists of overrides: use hydra/sweeper=grid")

    @abstractmethod
    def check(self, settings: Settings) -> None:
        """Raises `ConfigError` where this launcher cannot do what `settings` ask."""

    @abstractmethod
    def device(self, settings: Settings) -> Device:
        """Returns what workers will have; raises `ConfigError` where that cannot be."""

    @abstractmethod
    def workers(self, settings: Settings) -> int:
        """Returns how many workers there are at a time, at most."""

    @abstractmethod
    def describe(self, tasks: Sequence[Task], settings: Settings) -> list[str]:
        """Says in lines where `tasks` will be done, by how many workers of which size, and what that takes.

        With dry_run it asks the cluster whether it takes them; raises `ConfigError` where it does not.
        """

    @abstractmethod
    def launch_tasks(
        self,
        tasks: Sequence[Task],
        settings: Settings,
        sweep_dir: SweepDir,
        project: Path,
        listener: Listener | None = None,
        elsewhere: Sequence[Task] = (),
    ) -> Tally:
        """Has workers do `tasks`, and returns how each ended. Raises KeyboardInterrupt, and `ConfigError`.

        Tasks `elsewhere` are in the hands of other sweeps: workers do those that these do not, if it waits for that.

        `settings` name the device and the engine. Workers import the packages that lie in the folder `project`.

        With a `listener` workers also record evaluated epochs, and stop the runs that `request_prune` names.
        """


@dataclasses.dataclass(frozen=True)
class Ended:
    """A pack whose worker is gone for good."""

    pack: Pack
    cause: str  # what it ended of, if runs of it are left
    log: Path
    signal: str = ""  # of a crash
    job: str = ""  # id of the scheduler's task
    detail: str = ""  # in the scheduler's words
    advice: str = "Correct what the log tells."  # for one that ended before its first run

    @property
    def reason(self) -> str:
        return in_words(self.cause, self.signal)


class PackExecutor(Protocol):
    """The place where packs run: processes on this machine, or the queue of a cluster.

    Commands are `submit`, `advance`, `finish`, `interrupt` and `stop`; the others only tell.
    """

    def submit(self, packs: Sequence[Pack]) -> None:
        """Takes packs; they may wait here until there is room."""

    def advance(self) -> None:
        """Looks at the workers, and starts packs that wait where there is room. Called several times a second."""

    def ended(self) -> list[Ended]:
        """Returns the packs whose workers the last `advance` found to have ended since the one before."""

    def finish(self, pack: Pack) -> None:
        """Told when nothing of a pack is left to wait for."""

    def summary(self) -> str:
        """Says what the workers are doing, in a few words; empty where there is nothing to add."""

    def interrupt(self) -> None:
        """Does what Ctrl-C should."""

    def way_on(self) -> str:
        """Says what becomes of the packs after `interrupt`, and how the user goes on."""

    def stop(self) -> None:
        """Ends all workers; they save their checkpoints."""
