"""A plain PyTorch training loop as a researcher writes it."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.engines.lsq_of_ops import make_sgd, quantized_nin
from sweep.config.run import RunConfig
from sweep.data.device import EpochBatches, ImageData
from sweep.data.order import PADDING
from sweep.training.precision import autocast, master_dtype, set_tf32

Batch = tuple[Tensor, Tensor]  # standardized images (B, C, H, W), labels (B,)
Epochs = Callable[[int], Iterable[Batch]]  # the batches of an epoch
Stop = Callable[[], bool]  # asked after every step
Curve = list[float]  # mean loss of each epoch

CIFAR10_MEAN, CIFAR10_STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
LOADER_WORKERS = 8


class _PILImages(Dataset[tuple[Tensor, int]]):
    """As torchvision.datasets.CIFAR10 with RandomCrop(padding=4), RandomHorizontalFlip, ToTensor and Normalize.

    Written out with the same PIL calls, so that torchvision need not fit the installed PyTorch.
    """

    def __init__(self, data: ImageData) -> None:
        self._images, self._labels = data.train.images.cpu().numpy(), data.train.labels.tolist()
        self._mean, self._std = (torch.tensor(values)[:, None, None] for values in (CIFAR10_MEAN, CIFAR10_STD))

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = ImageOps.expand(Image.fromarray(self._images[index]), PADDING)
        left, top = torch.randint(0, 2 * PADDING + 1, (2,)).tolist()
        image = image.crop((left, top, left + image.width - 2 * PADDING, top + image.height - 2 * PADDING))
        if torch.rand(1) < 0.5:
            image = ImageOps.mirror(image)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().float().div(255)
        return (pixels - self._mean) / self._std, self._labels[index]


def loader_epochs(run: RunConfig, data: ImageData, device: torch.device) -> Epochs:
    """PIL augmentation in a DataLoader: in processes of its own beside a GPU, in this one on a CPU."""
    on_gpu = device.type == "cuda"
    workers = min(LOADER_WORKERS, os.cpu_count() or 1) if on_gpu else 0
    loader = DataLoader(
        _PILImages(data), run.batch_size, shuffle=True,
        num_workers=workers, pin_memory=on_gpu, persistent_workers=workers > 0,
    )  # fmt: skip
    return lambda epoch: loader


def memory_epochs(run: RunConfig, data: ImageData, device: torch.device) -> Epochs:
    """Images on the device, augmented there as whole batches; the same ones as our engines train on."""
    batches = EpochBatches(data, [run.seed], run.batch_size)

    def epoch_batches(epoch: int) -> Iterator[Batch]:
        batches.start(epoch, 0)
        for size in batches.sizes:
            images, labels = batches.next(size)
            yield data.normalize(images[0]).contiguous(), labels[0]

    return epoch_batches


def train_loop(
    runs: Sequence[RunConfig], data: ImageData, device: torch.device, stop: Stop, source: Callable[..., Epochs]
) -> list[Curve]:
    """Trains the one run of `runs` in eager mode, with SGD, and reads the loss at every step."""
    (run,) = runs
    set_tf32(run.precision)
    dtype = master_dtype(run.precision)
    model = quantized_nin(run, data).to(device, dtype)
    optimizer = make_sgd(model.named_parameters(), run)
    scaler = torch.amp.GradScaler(device.type, enabled=run.precision == "fp16")
    epochs, curve = source(run, data, device), []
    for epoch in range(run.epochs):
        loss_sum = 0.0
        for batch in epochs(epoch):
            images, labels = batch[0].to(device, dtype, non_blocking=True), batch[1].to(device, non_blocking=True)
            optimizer.zero_grad()
            with autocast(run.precision, device):
                loss = F.cross_entropy(model(images), labels)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            loss_sum += loss.item() * len(labels)
            if stop():
                return []
        curve.append(loss_sum / len(data.train))
    return [curve]
