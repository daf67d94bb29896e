"""What is known of a data set without its images. Nothing here imports torch: plans are made from it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sweep.config.facts import DataFacts
from sweep.config.parts import Part, parts_of

_SIZED = re.compile(r"(.+)_(\d+)")


@dataclass(frozen=True)
class DataSet(Part):
    """A data set. Its code has `prepare(source, cache_dir)` and `load(source, cache_dir)`, `describe(source)` where it
    has no `facts`, and `load_files(source)` where facts say that it has files: see `sweep.data`.

    Rows call it by its name, followed, where images are brought to a size, by their side in pixels: imagenet_224.
    """

    key: ClassVar = "dataset"
    room: ClassVar = "sweep.data"
    entry_points: ClassVar = "qsweep.datasets"

    source: str = ""  # data_source, where it is that of another data set; empty: its own name
    facts: DataFacts | None = None  # where they are the same for every user
    needs: str = ""  # what the user gives, in words
    augmentation: str = "none"  # of training, where neither a file of conf/ nor the user says another
    printed_side: int | None = None  # in papers, in pixels, of images that are brought to a size
    corrupted: str = ""  # cifar-c or imagenet-c: the strengths of its published corrupted test images, its name + "-C"

    def signatures(self) -> tuple[str, ...]:
        described = () if self.facts else ("describe(source)",)
        return ("prepare(source, cache_dir)", "load(source, cache_dir)", *described)

    @property
    def data_source(self) -> str:
        return self.source or self.name

    def defaults(self) -> dict[str, Any]:
        defaults = {"data_source": self.data_source, "augmentation": self.augmentation}
        if self.printed_side is None:
            return {self.key: self.name, **defaults}
        return {self.key: f"{self.name}_${{image_size}}", **defaults, "image_size": self.printed_side}


def data_sets() -> Mapping[str, DataSet]:
    return parts_of(DataSet)


def named_in_rows(dataset: str) -> tuple[DataSet, int | None] | None:
    """The data set that rows call `dataset`, and the side of its images in pixels if they have been brought to one.

    None for a data set of the user's.
    """
    sized = _SIZED.fullmatch(dataset)
    name, side = (sized[1], int(sized[2])) if sized else (dataset, None)
    found = data_sets().get(name)
    return None if found is None or (found.printed_side is None) != (side is None) else (found, side)


def without_side(dataset: str) -> str:
    """The name of the data set that rows call `dataset`; of one of the user's what rows call it."""
    found = named_in_rows(dataset)
    return found[0].name if found else dataset


def published_name(dataset: str) -> str | None:
    """Returns what papers call what rows call `dataset`; None where they have none such, or of another size."""
    found = named_in_rows(dataset)
    if found is None or found[1] != found[0].printed_side or not found[0].printed:
        return None
    return found[0].printed[0]


def published_corruptions_name(dataset: str, strengths: str) -> str | None:
    """Returns what papers call the corrupted test images of the data set that rows call `dataset`: CIFAR-10-C.

    None where `strengths`, the constants of their corruptions, are others than those of the published images.
    """
    name = published_name(dataset)
    return f"{name}-C" if name and has_published_corruptions(dataset, strengths) else None


def has_published_corruptions(dataset: str, strengths: str) -> bool:
    """Tells whether the corruptions of the data set that rows call `dataset` are published at these `strengths`."""
    found = named_in_rows(dataset)
    return found is not None and bool(strengths) and found[0].corrupted == strengths


def printed_name(dataset: str) -> str:
    """Returns what tables call the data set that rows call `dataset`."""
    found = named_in_rows(dataset)
    if found is None or not found[0].printed:
        return dataset
    part, side = found
    return part.printed[0] if side == part.printed_side else f"{part.printed[0]} at {side} x {side}"
