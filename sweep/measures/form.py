"""The measures of one form of a network: its weights raw, or with BN folded into the convolutions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from sweep.config.measuring import BOUNDS, SCALES, MeasureConfig
from sweep.measures.bounds import Bounds
from sweep.measures.hessian import hessian_product, largest_eigenvalue
from sweep.measures.image_set import ImageSet
from sweep.measures.landscape import filter_normalized, landscape, random_direction
from sweep.measures.linf import box_sharpness, random_basis, subspace_sharpness
from sweep.measures.losses import losses
from sweep.measures.noise import generator
from sweep.measures.norms import l2_norm
from sweep.measures.perturbation import Searches
from sweep.measures.search import SearchResult
from sweep.measures.space import Batching, WeightSpace
from sweep.quantizers.lsq.quantizer import LSQ
from sweep.training.weights import counted_names, flatten

Columns = dict[str, Any]


@dataclass(frozen=True)
class Form:
    """Two plain networks of one architecture in evaluation mode: fresh, and trained with dequantized weights."""

    name: str
    initial: nn.Module
    trained: nn.Module


def perturbed_names(model: nn.Module, config: MeasureConfig) -> list[str]:
    if config.perturbed == "counted":
        return counted_names(model)
    return [name for name, _ in model.named_parameters() if ".input_quantizer." not in name]


def make_space(
    model: nn.Module, config: MeasureConfig, batching: Batching, quantizers: Mapping[str, LSQ] | None = None
) -> WeightSpace:
    return WeightSpace(model, perturbed_names(model, config), batching, quantizers)


def norm_columns(form: Form) -> Columns:
    names = counted_names(form.trained)
    w, w0 = flatten(form.trained, names), flatten(form.initial, names)
    return {"l2_norm": l2_norm(w), "distance": l2_norm(w.double() - w0.double())}


def search_columns(initial: nn.Module, space: WeightSpace, images: ImageSet, config: MeasureConfig) -> Columns:
    """Returns sigma and alpha, plain and magnitude-aware, how their searches went, and the eight measures that
    follow.
    """
    searches = Searches(space, flatten(initial, list(space.shapes)), images, config)
    results: dict[str, SearchResult] = {name: getattr(searches, name)() for name in SCALES}
    counted = counted_names(space.model)
    bounds = Bounds(flatten(space.model, counted), flatten(initial, counted), len(images), config)
    columns: Columns = {"train_acc": searches.accuracy, "threshold_missed": searches.missed}
    for name, result in results.items():
        columns |= {name: result.value, f"{name}_converged": result.converged, f"{name}_saturated": result.saturated}
    columns |= bounds.printed({name: result.value for name, result in results.items()})
    return columns | {"history": [record for name in SCALES for record in _records(name, results[name])]}


def no_search_columns() -> Columns:
    """Returns nulls for folded weights with centre=latent: quantizing folded latents anew would make another
    function.
    """
    names = ["train_acc", "threshold_missed", *SCALES, *BOUNDS]
    names += [f"{name}_{flag}" for name in SCALES for flag in ("converged", "saturated")]
    return dict.fromkeys(names) | {"history": []}


def _records(search: str, result: SearchResult) -> list[Columns]:
    return [
        {
            "search": search,
            "step": i,
            "scale": step.scale,
            "excess_low": step.excess.low,
            "excess_high": step.excess.high,
            "images": step.excess.images,
        }
        for i, step in enumerate(result.history)
    ]


def curvature_columns(space: WeightSpace, images: ImageSet, config: MeasureConfig) -> Columns:
    """Hessian, l-infinity sharpness and landscape at the dequantized weights, on a subset of the training images."""
    subset = images.subset(config.curvature_images, "curvature", config.seed)
    start = torch.randn(len(space.vector), generator=generator("hessian", config.seed)).to(space.vector)
    product = hessian_product(space, subset)
    eigenvalue = largest_eigenvalue(product, start, config.hessian_tol, config.hessian_iterations, config.hessian_shift)
    return {
        "train_loss": losses(space, space.vector[None], images).item(),
        "hessian_eigenvalue": eigenvalue.value,
        "hessian_converged": eigenvalue.converged,
        "hessian_iterations": eigenvalue.iterations,
        **_linf_columns(space, subset, config),
        "landscape": _landscape(space, subset, config),
    }


def _linf_columns(space: WeightSpace, images: ImageSet, config: MeasureConfig) -> Columns:
    basis, iterations = random_basis(space, config.linf_dimensions, config.seed), config.linf_iterations
    return {
        "linf_box": [box_sharpness(space, images, radius, iterations) for radius in config.linf_radii],
        "linf_subspace": [subspace_sharpness(space, images, radius, basis, iterations) for radius in config.linf_radii],
    }


def _landscape(space: WeightSpace, images: ImageSet, config: MeasureConfig) -> list[Columns]:
    if not config.landscape_points:
        return []
    first, second = (filter_normalized(space, random_direction(space, config.seed, i)) for i in range(2))
    axis = torch.linspace(-config.landscape_radius, config.landscape_radius, config.landscape_points)
    rows = zip(axis.tolist(), landscape(space, first, second, axis, images).tolist(), strict=True)
    return [{"x": x, "y": y, "loss": z} for x, row in rows for y, z in zip(axis.tolist(), row, strict=True)]
