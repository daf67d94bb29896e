"""The regularizer R(Delta) that quantization noise adds to a squared loss (QGen eq. 7)."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.func import functional_call, jacrev, vmap

from sweep.measures.image_set import ImageSet
from sweep.measures.losses import GRADIENT_BATCH
from sweep.measures.quantization.measure import quantization_noise, step_sizes
from sweep.measures.space import WeightSpace
from sweep.measures.subject import Columns, Subject
from sweep.training.weights import quantizes_activations


def of_run(subject: Subject) -> Columns:
    """R(Delta) at the latent weights; None without step sizes, and where activations have noise that is not in R."""
    latent, steps, config = subject.latent, step_sizes(subject.trained), subject.config
    if not steps or quantizes_activations(latent):
        return dict.fromkeys(("regularizer_uniform", "regularizer_actual"))
    space = WeightSpace(latent, list(steps), subject.batching)
    noise = quantization_noise(latent, subject.quantized, steps)
    images = subject.images.subset(config.regularizer_images, "regularizer", config.seed)
    return {
        "regularizer_uniform": uniform_regularizer(space, steps, images),
        "regularizer_actual": actual_regularizer(space, noise, images),
    }


def actual_regularizer(space: WeightSpace, noise: Mapping[str, Tensor], images: ImageSet) -> float:
    """R = mean over images of |J Delta|^2 for the real, deterministic Delta = Q(w) - w.

    J is the Jacobian of the logits at the latent weights `space.vector` of the quantized layers, as in eq. 6;
    `noise` has Delta by the weight's name. J Delta is the derivative in r of (J'r)'Delta.
    """
    delta = torch.cat([noise[name].flatten() for name in space.shapes])
    total = 0.0
    for batch, _ in images.batches(GRADIENT_BATCH, delta.dtype):
        leaf = space.vector.clone().requires_grad_()
        logits = space.network(leaf[None]).logits(batch)
        r = torch.zeros_like(logits, requires_grad=True)
        (back,) = torch.autograd.grad(logits, leaf, r, create_graph=True)
        total += torch.autograd.grad(back @ delta, r)[0].double().square().sum().item()
    return total / len(images)


def uniform_regularizer(space: WeightSpace, step_sizes: Mapping[str, float], images: ImageSet) -> float:
    """R = sum over layers l of s_l^2 / 12 * |J_l|_F^2, mean over images: E |J Delta|^2 for independent Delta.

    Each element of Delta is uniform on [-s_l / 2, s_l / 2]; `step_sizes` has s_l by the weight's name, J is as in
    `actual_regularizer`. Exact: the Jacobian of every image is formed.
    """
    weights = space.tensors(space.vector)

    def of_image(image: Tensor) -> Tensor:
        jacobians = jacrev(lambda w: functional_call(space.model, w, image[None])[0])(weights)
        layers = [step_sizes[name] ** 2 / 12 * jacobian.square().sum() for name, jacobian in jacobians.items()]
        return torch.stack(layers).sum()

    total = 0.0
    for batch, _ in images.batches(GRADIENT_BATCH, space.vector.dtype):
        total += vmap(of_image, chunk_size=_images_at_once(space, batch))(batch).double().sum().item()
    return total / len(images)


def _images_at_once(space: WeightSpace, batch: Tensor) -> int:
    """So many that their Jacobians, and as much again to square them, fit the memory."""
    with torch.no_grad():
        classes = space.model(batch[:1]).shape[1]
    bytes_per_image = 2 * classes * space.vector.numel() * space.vector.element_size()
    return max(1, int(space.batching.memory_gb * 1e9 / bytes_per_image))
