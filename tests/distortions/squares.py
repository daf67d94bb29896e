"""Images that need no package, made in processes that therefore start fast."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sweep.config.distorting import Distortion
from sweep.distortions.generate import CHUNK, alone_in, write_missing

COUNT = 2 * CHUNK + 3


@dataclass(frozen=True)
class Squares:
    """Image i is filled with i; slowly, or not at all from some image on. Notes who makes it."""

    folder: Path
    pause_s: float = 0.0
    broken_from: int = COUNT

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return COUNT, 2, 2, 1

    def image(self, distortion: Distortion, position: int) -> Any:
        (self.folder / f"pid{os.getpid()}").touch()
        time.sleep(self.pause_s)
        if position >= self.broken_from:
            raise OSError("cannot be read")
        return np.full((2, 2, 1), position + distortion.severity, np.uint8)


def write(folder: Path, distortions: list[Distortion], maker: Squares, workers: int) -> list[int]:
    made: list[int] = []
    with alone_in(folder):
        write_missing(folder, distortions, maker, workers, made.append)
    return made
