"""The seconds of a run, and when its checkpoints are due."""

import time

from sweep.training.progress import Interrupted, TrainOptions
from sweep.training.state import TrainingState


class Clock:
    """Counts the seconds of a run over all its attempts, and saves checkpoints when they are due."""

    def __init__(self, state: TrainingState, options: TrainOptions) -> None:
        self._state, self._options = state, options
        self._before = state.progress.seconds
        self._started = self._saved = time.monotonic()

    def stop(self) -> None:
        """Notes the seconds until now in the run's progress."""
        self._state.progress.seconds = self._before + time.monotonic() - self._started

    def after_step(self) -> None:
        """Saves a checkpoint if it is due or the run was asked to stop; then raises `Interrupted`."""
        stopped = self._options.stop()
        if stopped or time.monotonic() - self._saved >= self._options.checkpoint_seconds:
            self.stop()
            self._state.save(self._options)
            self._saved = time.monotonic()
        if stopped:
            raise Interrupted
