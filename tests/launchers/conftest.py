"""The environment of a sweep on the private SLURM cluster."""

import os
from collections.abc import Iterator

import pytest

from tests.cluster.cluster import SlurmCluster


@pytest.fixture
def env(slurm: SlurmCluster) -> Iterator[dict[str, str]]:
    yield dict(os.environ) | dict(slurm.env)
    slurm.cancel_all(timeout_s=60)
