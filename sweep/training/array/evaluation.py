"""Loss and accuracy of every member of an array on clean images."""

import torch

from sweep.data.device import ImageData, Split
from sweep.training.array.memory import EVALUATION_BATCH
from sweep.training.array.network import ArrayNetwork
from sweep.training.evaluate import Evaluation
from sweep.training.graph import GraphMemory, replayed


class SplitEvaluation:
    """The evaluation of all members on one split, in batches that are captured where there is `memory` for it."""

    def __init__(
        self, network: ArrayNetwork, data: ImageData, split: Split, members: int, memory: GraphMemory | None
    ) -> None:
        self._network, self._data, self._split = network, data, split
        device = split.labels.device
        self._position = torch.zeros((), dtype=torch.int64, device=device)
        self._range = torch.arange(EVALUATION_BATCH, device=device)
        self._loss = torch.zeros(members, dtype=torch.float64, device=device)
        self._right, self._first = torch.zeros(2, members, dtype=torch.int64, device=device)
        self._sizes = [min(EVALUATION_BATCH, len(split) - start) for start in range(0, len(split), EVALUATION_BATCH)]
        self._steps = replayed(self._step, self._sizes, memory)

    def run(self) -> list[Evaluation]:
        for tensor in (self._position, self._loss, self._right, self._first):
            tensor.zero_()
        for size in self._sizes:
            self._steps[size]()
        sums = torch.stack([self._loss, self._right.double(), self._first.double()], 1)
        return [Evaluation(*shares) for shares in (sums / len(self._split)).tolist()]

    def _step(self, size: int) -> None:
        index = self._position + self._range[:size]
        images = self._data.standardize(self._split.images.index_select(0, index))
        loss, right, first = self._network.evaluate(images, self._split.labels.index_select(0, index))
        self._loss += loss
        self._right += right
        self._first += first
        self._position += size
