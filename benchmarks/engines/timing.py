"""Seconds per training step."""

import math
import time

import torch

CALIBRATION_STEPS = {"cuda": 10, "cpu": 1}  # which tell how many steps fill the time asked for
WARM_UP_STEPS = {"cuda": 30, "cpu": 1}  # compiling, capturing, and the batches that a loader has prepared
MIN_STEPS = 2


class StepClock:
    """Asked after every training step whether to stop; waits for a GPU only where a count of steps begins or ends.

    On a CPU, seconds are the process's own (user and system, one thread): other processes disturb them less.
    """

    def __init__(self, seconds: float, device: torch.device) -> None:
        self._seconds, self._device = seconds, device
        self._warm_up = WARM_UP_STEPS[device.type]
        self._calibrated = self._warm_up + CALIBRATION_STEPS[device.type]
        self._end = math.inf
        self.count = 0
        self._at: dict[int, float] = {}

    def __call__(self) -> bool:
        self.count += 1
        if self.count in (self._warm_up, self._calibrated, self._end):
            self._at[self.count] = now_s(self._device)
        if self.count == self._calibrated:
            calibrated_s = self._step_s(self._warm_up, self._calibrated)
            self._end = self.count + max(MIN_STEPS, math.ceil(self._seconds / calibrated_s))
        return self.count == self._end

    def step_s(self) -> float:
        """Mean over the steps that were timed. Raises `RuntimeError` where training ended before they were."""
        if self.count != self._end:
            raise RuntimeError(f"training ended after {self.count} steps, before it was timed")
        return self._step_s(self._calibrated, self.count)

    def _step_s(self, first: int, last: int) -> float:
        return (self._at[last] - self._at[first]) / (last - first)


def now_s(device: torch.device) -> float:
    """After what `device` was given to do."""
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()
