"""The kinds of work that a worker can do, by their names."""

from collections.abc import Mapping

from sweep.worker.distort import Distorting
from sweep.worker.measurements import Measuring
from sweep.worker.train import Training
from sweep.worker.work import KindOfWork

KINDS_OF_WORK: Mapping[str, KindOfWork] = {kind.table.kind: kind for kind in (Training(), Measuring(), Distorting())}
