"""Images of CIFAR's shape, and runs on them."""

import numpy as np

from sweep.config.facts import DataFacts
from sweep.config.run import RunConfig
from sweep.data.arrays import ImageArrays
from tests.conftest import tiny_run

FACTS = DataFacts(train_size=96, test_size=250, channels=3, height=32, width=32, classes=10)


def colour_arrays() -> ImageArrays:
    generator = np.random.default_rng(0)

    def images(count: int) -> np.ndarray:
        return generator.integers(0, 256, (count, FACTS.height, FACTS.width, FACTS.channels), dtype=np.uint8)

    train, test = images(FACTS.train_size), images(FACTS.test_size)
    return ImageArrays(train, np.arange(len(train)) % 10, test, np.arange(len(test)) % 10, tuple("abcdefghij"))


def colour_runs(count: int, **changes: object) -> list[RunConfig]:
    common = {"train_subset": 0, "test_subset": 0, "epochs": 1, "augmentation": "crop_flip"} | changes
    return [tiny_run(bits=(2, 4, 8, 32)[seed % 4], seed=seed % 2, **common) for seed in range(count)]
