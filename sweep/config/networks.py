"""What is known of a network without building it. Nothing here imports torch: plans are made from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from sweep.config.bits import FULL_PRECISION
from sweep.config.parts import Hyperparameter, Part, Values, part_of, parts_of

if TYPE_CHECKING:
    from torch import nn

BASE_WIDTH = Hyperparameter(
    "base_width", int, "channels of the first stage, of nin per unit of width; 1 where the network has no choice",
    neutral=1, low=1, in_every_id=True,
)  # fmt: skip
WIDTH = Hyperparameter(
    "width", int, "width multiplier; 1 where the network has no choice", neutral=1, low=1, in_every_id=True
)
DEPTH = Hyperparameter(
    "depth", int, "number of blocks, of wide_resnet of layers; 1 where the network has no choice",
    neutral=1, low=1, in_every_id=True,
)  # fmt: skip
SIZES = (BASE_WIDTH.name, WIDTH.name, DEPTH.name)
RGB = 3  # channels


class NetworkSize(Protocol):
    """The sizes that a network may read of a run."""

    @property
    def base_width(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def depth(self) -> int: ...


# Of (size, channels, classes, (height, width)): a network from images (B, channels, height, width) to (B, classes).
Builder = Callable[[NetworkSize, int, int, tuple[int, int]], "nn.Module"]


@dataclass(frozen=True)
class Network(Part):
    """A network. Its code has the function `build`, a `Builder`, by that name or the one given here."""

    key: ClassVar = "model"
    room: ClassVar = "sweep.models"
    entry_points: ClassVar = "qsweep.models"

    build: str = "build"
    channels: int | None = None  # of the images; None: any
    min_side: int = 1  # of the images
    patch: int | None = None  # images must be square, and their side a multiple of this
    pretrained: str = ""  # torchvision's weights of it; pinned: another set of weights is another run
    quantizes_activations: bool = True  # whether every product has a layer, whose input can be quantized
    printed_on: tuple[str, ...] = ()  # the data sets that papers train it on; none: any
    printed_at: Mapping[str, int] = field(default_factory=dict)  # sizes that the network has in papers
    printed_at_in: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # others, by results/published/<name>
    printed_sizes: str = ""  # what tables of several sizes write after its name, in parentheses

    def signatures(self) -> tuple[str, ...]:
        return (f"{self.build}(size, channels, classes, image_size)",)

    def builder(self) -> Builder:
        """The function that makes the network; imports torch."""
        builder: Builder = getattr(self.load(), self.build)
        return builder

    def misfit(self, channels: int, height: int, width: int) -> str | None:
        """Returns what kind of images is needed instead of (channels, height, width), or None where these will do."""
        if self.channels not in (None, channels):
            return f"images of {self.channels} channels"
        if min(height, width) < self.min_side:
            return f"images of at least {self.min_side} x {self.min_side}"
        if self.patch is not None and (height != width or height % self.patch):
            return f"square images whose side is a multiple of {self.patch}"
        return None

    def images_in_words(self) -> str:
        """Returns the images that it takes, in words, as `misfit` refuses others."""
        words = [f"{self.channels} channels"] if self.channels else []
        words += [f"at least {self.min_side} x {self.min_side}"] if self.min_side > 1 else []
        words += [f"square, the side a multiple of {self.patch}"] if self.patch else []
        return ", ".join(words) or "any"

    def printed_name_on(self, data_set: str) -> str:
        """Returns what tables call it on images of that data set: its own name where papers have another there."""
        is_theirs = not self.printed_on or data_set in self.printed_on
        return self.printed_name if is_theirs else self.name

    def published_name(self, values: Mapping[str, Any], data_set: str, published: str) -> str | None:
        """Returns what results/published/<published> calls the network of a run with these sizes among its `values`.

        None where papers have no such network on the data set of that name, or one of other sizes. A size that `values`
        lack, as they are of a mean over it, fits any.
        """
        sizes = self.printed_at_in.get(published, self.printed_at)
        is_theirs = self.printed and all(values.get(size, value) == value for size, value in sizes.items())
        name = self.printed_name_on(data_set)
        return name if is_theirs and name in self.printed else None

    def with_sizes(self, name: str, values: Mapping[str, Any]) -> str:
        """Returns `name` as tables of several sizes have it: NiN (4x10) is of depth 4 and width 10."""
        return f"{name} ({self.printed_sizes.format(**values)})" if self.printed_sizes else name


def without_activations(values: Values) -> str | None:
    """The conflict of networks that cannot quantize activations."""
    if values["act_bits"] == FULL_PRECISION:
        return None
    return (
        f"act_bits={values['act_bits']} with model={values['model']}, whose attention multiplies inside, where no "
        f"activation can be quantized; allowed is act_bits={FULL_PRECISION}"
    )


def networks() -> Mapping[str, Network]:
    return parts_of(Network)


def network_of(model: str) -> Network:
    """Raises `ConfigError` where there is no such network."""
    return part_of(Network, model)
