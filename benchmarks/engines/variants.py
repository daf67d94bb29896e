"""What is compared, and the runs that it trains."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch

from benchmarks.engines.arrays import grouped_step, train_array_of_others, vmap_step
from benchmarks.engines.loop import Curve, Stop, loader_epochs, memory_epochs, train_loop
from benchmarks.engines.ours import train_members, train_plain
from benchmarks.engines.traffic import BMM, EAGER, FUSED, Traffic
from sweep.config.run import RunConfig, make_run
from sweep.data.device import ImageData

BITS, OPTIMIZERS = (2, 4, 8, 32), ("sgd", "adam", "rmsprop")
Runs = Callable[[RunConfig, int], list[RunConfig]]  # of a base run and a number of members
Train = Callable[[Sequence[RunConfig], ImageData, torch.device, Stop], list[Curve]]
# Our array engine: the name of the variant, its kernels and their traffic.
ARRAYS = {"array": ("torch", BMM), "array+triton": ("triton", FUSED)}
CHECKED_MEMBERS = len(BITS) * len(OPTIMIZERS)
BITS_OF_OTHERS = (2, 4, 8)  # a member at full precision would cost the other arrays a mask
LEARNING_RATES = {"sgd": 0.01, "adam": 0.001, "rmsprop": 0.0001}


@dataclasses.dataclass(frozen=True)
class Variant:
    """One way to train. `checked` takes the same steps as `train`, always on the batches that our engines see."""

    name: str
    train: Train
    checked: Train
    traffic: Traffic
    runs: Runs
    sizes: tuple[int, ...]  # numbers of members
    checked_members: int = 1


def variants(device: torch.device, sizes: Sequence[int], members_of_others: int) -> list[Variant]:
    return [
        *_loops_and_plain(device),
        *(_array(name, partial(train_array_of_others, make_step=step), EAGER, bits_only, (members_of_others,))
          for name, step in {"grouped": grouped_step, "vmap": vmap_step}.items()),
        *(_array(name, partial(train_members, kernels=kernels), traffic, mixed, tuple(sizes))
          for name, (kernels, traffic) in ARRAYS.items() if kernels == "torch" or device.type == "cuda"),
    ]  # fmt: skip


def _loops_and_plain(device: torch.device) -> Iterator[Variant]:
    loader, memory = (partial(train_loop, source=source) for source in (loader_epochs, memory_epochs))
    yield Variant("loop+loader", loader, memory, EAGER, solo, (1,))
    yield Variant("loop+memory", memory, memory, EAGER, solo, (1,))
    for name, captured in (("plain", False), ("plain+graph", True)):
        if device.type == "cuda" or not captured:
            train = partial(train_plain, captured=captured)
            yield Variant(name, train, train, EAGER, solo, (1,))


def _array(name: str, train: Train, traffic: Traffic, runs: Runs, sizes: tuple[int, ...]) -> Variant:
    return Variant(name, train, train, traffic, runs, sizes, CHECKED_MEMBERS)


def base_run(width: int, depth: int, batch_size: int, precision: str, **changes: object) -> RunConfig:
    """SGD at 4 bits, for more epochs than anyone waits for, never evaluated until then."""
    never = 10**6
    values: dict[str, object] = {
        "dataset": "benchmark", "data_sha256": "", "train_subset": 0, "test_subset": 0, "augmentation": "crop_flip",
        "model": "nin", "base_width": 25, "width": width, "depth": depth,
        "quantizer": "lsq", "bits": 4, "first_last": "b", "step_size_weight_decay": False,
        "optimizer": "sgd", "lr": LEARNING_RATES["sgd"], "weight_decay": 0.0001, "momentum": 0.9,
        "epochs": never, "batch_size": batch_size, "milestones": [], "lr_gamma": 0.1,
        "eval_every_epochs": never, "eval_every_epochs_late": never, "precision": precision, "seed": 0,
    }  # fmt: skip
    return make_run(values | changes)


def solo(base: RunConfig, members: int) -> list[RunConfig]:
    return [base] * members


def bits_only(base: RunConfig, members: int) -> list[RunConfig]:
    return [dataclasses.replace(base, bits=BITS_OF_OTHERS[i % len(BITS_OF_OTHERS)]) for i in range(members)]


def mixed(base: RunConfig, members: int) -> list[RunConfig]:
    """Bits and optimizers in turn, as the grid mixes them; `CHECKED_MEMBERS` hold every pair."""
    return [_member(base, BITS[i % len(BITS)], OPTIMIZERS[i // len(BITS) % len(OPTIMIZERS)]) for i in range(members)]


def _member(base: RunConfig, bits: int, optimizer: str) -> RunConfig:
    return dataclasses.replace(
        base,
        bits=bits,
        quantizer="none" if bits == 32 else "lsq",
        optimizer=optimizer,
        lr=LEARNING_RATES[optimizer],
        momentum=0.0 if optimizer == "adam" else base.momentum,
    )
