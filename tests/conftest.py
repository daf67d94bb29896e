"""Runs small enough for tests."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import torch

from sweep.config.run import DataSource, RunConfig, make_run
from sweep.data.arrays import ImageArrays
from sweep.data.digits import dataset as digits
from tests.cluster.cluster import SlurmCluster, install_command, missing_accounting_packages, missing_packages
from tests.scheduling import pytest_xdist_make_scheduler  # a hook of pytest's

__all__ = ["pytest_xdist_make_scheduler"]

DIGITS = DataSource("digits", "digits", "")
TINY = {
    "dataset": "digits",
    "data_sha256": "",
    "train_subset": 200,
    "test_subset": 100,
    "augmentation": "none",
    "model": "nin",
    "base_width": 2,
    "width": 2,
    "depth": 2,
    "quantizer": "lsq",
    "bits": 4,
    "first_last": "b",
    "step_size_weight_decay": False,
    "optimizer": "sgd",
    "lr": 0.1,
    "weight_decay": 0.0001,
    "momentum": 0.9,
    "epochs": 3,
    "batch_size": 64,
    "milestones": "thirds",
    "lr_gamma": 0.1,
    "eval_every_epochs": 1,
    "eval_every_epochs_late": 1,
    "precision": "fp32",
    "seed": 0,
}


def tiny_run(**changes: object) -> RunConfig:
    """A run that trains in a fraction of a second."""
    return make_run(TINY | changes)


@pytest.fixture(scope="session")
def digit_arrays() -> ImageArrays:
    return digits.load(DIGITS, Path())


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share what took long to make stay in one process where pytest runs in several.

    Those of a SLURM cluster, and those of a module with a fixture of its own for all of them. Groups come first, the
    largest at the very first.
    """
    for item in items:
        if group := group_of(item):
            item.add_marker(pytest.mark.xdist_group(group))


def group_of(item: pytest.Item) -> str | None:
    fixtures = getattr(item, "fixturenames", ())
    if {"slurm", "slurm_accounting"} & set(fixtures):
        return "slurm"
    found = item.session._fixturemanager.getfixturedefs
    shared = any(made.scope == "module" for name in fixtures for made in found(name, item) or ())
    return item.nodeid.partition("::")[0] if shared else None


StopAfter = Callable[[int], Callable[[], bool]]


@pytest.fixture
def stop_after() -> StopAfter:
    """`stop_after(n)` is a stop function that turns true at its n-th call."""

    def make(calls: int) -> Callable[[], bool]:
        left = [calls]

        def stop() -> bool:
            left[0] -= 1
            return left[0] <= 0

        return stop

    return make


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmCluster]:
    """Shared by all tests: leave no job and no unusable node behind."""
    _skip_if_missing(missing_packages())
    with SlurmCluster(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def slurm_accounting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmCluster]:
    """As `slurm`, with slurmdbd and MariaDB behind it."""
    _skip_if_missing(missing_accounting_packages())
    with SlurmCluster(tmp_path_factory.mktemp("slurm-acct"), accounting=True) as cluster:
        yield cluster


def _skip_if_missing(packages: Sequence[str]) -> None:
    if packages:
        pytest.skip(f"SLURM is missing here: {install_command(packages)}")
