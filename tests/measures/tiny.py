"""Small networks and image sets, and literal float64 references."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from sweep.measures.image_set import ImageSet
from sweep.measures.space import Batching, WeightSpace
from sweep.models.nin.model import NiN
from sweep.training.weights import counted_names


def random_nin(channels: int = 4, depth: int = 2, inputs: int = 1, seed: int = 0) -> NiN:
    """In float64 and evaluation mode, BN with statistics of images, so that it gives many answers."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = NiN(inputs, 10, channels, depth).double()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.uniform_(module.bias, 0.0, 0.2)
                module.momentum = None  # statistics of all batches seen
    images = random_images(200, inputs=inputs, seed=seed + 1)
    with torch.no_grad():
        model(images.normalize(images.images))
    return model.eval()


def random_images(count: int, side: int = 8, inputs: int = 1, classes: int = 10, seed: int = 0) -> ImageSet:
    drawn = torch.Generator().manual_seed(seed)
    texture = torch.rand(count, side, side, inputs, generator=drawn)
    patch = torch.rand(count, 2, 2, inputs, generator=drawn).repeat_interleave(side // 2, 1)
    images = (255 * (0.2 * texture + 0.8 * patch.repeat_interleave(side // 2, 2))).byte()
    labels = torch.randint(classes, (count,), generator=drawn)
    return ImageSet(images, labels, lambda batch: (batch.double() / 64 - 2).permute(0, 3, 1, 2))


def answered(model: nn.Module, images: ImageSet, wrong: float) -> ImageSet:
    """`images` with the labels that `model` gives them, but for a share `wrong` of them."""
    with torch.no_grad():
        labels = model(images.normalize(images.images)).argmax(1)
    changed = int(wrong * len(images))
    labels[:changed] = (labels[:changed] + 1) % 10
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(1))
    return ImageSet(images.images[order], labels[order], images.normalize)


def counted_space(model: nn.Module, batching: Batching | None = None) -> WeightSpace:
    return WeightSpace(model, counted_names(model), batching or Batching())


def with_vector(model: nn.Module, names: list[str], vector: Tensor) -> dict[str, Tensor]:
    """Literally: the parameters `names` of `model`, filled from `vector`."""
    filled, start = {}, 0
    for name in names:
        shape = model.get_parameter(name).shape
        filled[name] = vector[start : start + shape.numel()].reshape(shape)
        start += shape.numel()
    assert start == len(vector)
    return filled


def logits_one_by_one(model: nn.Module, names: list[str], vector: Tensor, images: ImageSet) -> Iterator[Tensor]:
    weights = with_vector(model, names, vector)
    for i in range(len(images)):
        image = images.normalize(images.images[i : i + 1]).to(vector)
        yield functional_call(model, weights, image)[0]


def literal_correct(model: nn.Module, names: list[str], vector: Tensor, images: ImageSet) -> int:
    """Images classified right at `vector`, one image at a time."""
    with torch.no_grad():
        answers = [int(logits.argmax()) for logits in logits_one_by_one(model, names, vector, images)]
    return sum(a == b for a, b in zip(answers, images.labels.tolist(), strict=True))


def literal_loss(model: nn.Module, names: list[str], vector: Tensor, images: ImageSet) -> Tensor:
    """Mean cross entropy at `vector`, differentiable as often as wanted."""
    logits = functional_call(model, with_vector(model, names, vector), images.normalize(images.images).to(vector))
    return F.cross_entropy(logits, images.labels)


class PlainLinear(nn.Module):
    """One linear layer on the pixels."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.linear = nn.Linear(weight.shape[1], weight.shape[0], bias=False, dtype=weight.dtype)
        self.linear.weight.data.copy_(weight)

    def forward(self, images: Tensor) -> Tensor:
        out: Tensor = self.linear(images.flatten(1))
        return out
