"""Time spent by rows, on GPUs and on CPUs apart."""

import pandas as pd

DEVICE_CLASSES = ("gpu", "cpu")


def device_class(devices: "pd.Series[str]") -> "pd.Series[str]":
    """Returns gpu or cpu for each of the column `device`; null where a run has no row."""
    return devices.map(lambda device: "cpu" if device == "cpu" else "gpu", na_action="ignore")


def hours(runs: pd.DataFrame) -> "pd.Series[float]":
    """Returns the hours of each of `runs`: of its GPU, or without one of its CPU, times the threads of its worker.

    A row of an array holds its share of the array's time, so that sums are right. A failed run's time is unknown: 0.
    """
    threads = runs["threads"].astype(float).where(device_class(runs["device"]) == "cpu", 1.0)
    return (runs["seconds"].astype(float) * threads / 3600).fillna(0.0)
