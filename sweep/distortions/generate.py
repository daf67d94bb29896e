"""Files of corrupted images: one per corruption, severity and seed, complete or absent, made on all cores."""

import fcntl
import multiprocessing
import os
import signal
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing.connection import wait
from pathlib import Path
from typing import Protocol

import numpy as np

from sweep.config.distorting import Distortion
from sweep.data.arrays import Images

CHUNK = 100  # images that a process makes at a time


class Maker(Protocol):
    """Makes single images, in any process."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape of all images, (N, H, W, C)."""
        ...

    def image(self, distortion: Distortion, position: int) -> Images:
        """Returns one image (H, W, C)."""
        ...


def file_of(folder: Path, distortion: Distortion) -> Path:
    return folder / f"{distortion.corruption}-{distortion.severity}-seed{distortion.seed}.npy"


def missing(folder: Path, distortions: Iterable[Distortion]) -> list[Distortion]:
    return [distortion for distortion in distortions if not file_of(folder, distortion).exists()]


def write_missing(
    folder: Path, distortions: Sequence[Distortion], maker: Maker, workers: int, made: Callable[[int], None]
) -> None:
    """Makes the files of `distortions` that `folder` does not have; tells `made` of every few images.

    The images do not depend on the number of workers. To be called within `alone_in`.
    """
    with _pool(workers) as pool:
        for distortion in missing(folder, distortions):
            with beside(file_of(folder, distortion)) as path:
                np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=maker.shape).flush()
                starts = range(0, maker.shape[0], CHUNK)
                for chunk in as_completed([pool.submit(_fill, path, distortion, maker, start) for start in starts]):
                    made(chunk.result())


def _fill(path: Path, distortion: Distortion, maker: Maker, start: int) -> int:
    """Makes CHUNK images, from `start` on, in the array at `path`; returns how many."""
    images = np.lib.format.open_memmap(path, mode="r+")
    stop = min(start + CHUNK, len(images))
    for position in range(start, stop):
        images[position] = maker.image(distortion, position)
    images.flush()
    return stop - start


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A path to write to, which becomes `path` at the end: that is complete or absent."""
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        yield unfinished
        with unfinished.open("rb") as stream:
            os.fsync(stream.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Waits for other processes that make files in `folder`, and removes what killed ones left unfinished."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for unfinished in folder.glob(".*.npy.*"):
            unfinished.unlink()
        yield


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    context = multiprocessing.get_context("spawn")  # a forked child of a process with threads may hang
    pool = ProcessPoolExecutor(workers, context, initializer=_start_worker)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    """Ctrl-C is for the parent to answer; when that is gone, the worker goes too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
