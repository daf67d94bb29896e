"""All measures of one trained run."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from sweep.config.measuring import MeasureConfig
from sweep.config.run import RunConfig
from sweep.data.interface import TrainingData
from sweep.measures.form import (
    Columns,
    Form,
    curvature_columns,
    make_space,
    no_search_columns,
    norm_columns,
    search_columns,
)
from sweep.measures.image_set import ImageSet, training_images
from sweep.measures.norms import quantization_error, quantization_noise, step_sizes
from sweep.measures.regularizer import actual_regularizer, uniform_regularizer
from sweep.measures.space import Batching, WeightSpace
from sweep.training.weights import counted_names, fold, load_trained, materialise, quantizers, quantizes_activations

DEFAULT_BATCHING = Batching()


def measure(
    state: Mapping[str, Any],
    run: RunConfig,
    data: TrainingData,
    device: torch.device,
    config: MeasureConfig,
    batching: Batching = DEFAULT_BATCHING,
    stop: Callable[[], bool] = lambda: False,
) -> Columns:
    """Every measure of the weights that `run` kept, on the training images of `data`, which lie on `device`.

    `state` holds the state dicts `initial` and `best`. The columns, in nats, shares of images and units of weights:
      of the run: `weights` (omega), `train_size` (m), `layers` and `step_sizes` (lists, layers with step sizes only),
        `quantization_error`, `regularizer_uniform`, `regularizer_actual` (None where there are no step sizes, the
        last two also where activations are quantized: their noise is not in R);
      with the prefix raw_ (BN kept) and folded_ (BN in the convolutions): `l2_norm`, `distance`, `train_acc`,
        `train_loss`, `threshold_missed`; `sigma`, `sigma_mag`, `alpha`, `alpha_mag`, each with `_converged` and
        `_saturated`; the eight of bounds.BOUNDS; `hessian_eigenvalue`, `_converged`, `_iterations`; `linf_box` and
        `linf_subspace` (one value per radius); `history` and `landscape` (lists of records).
    Scales and the eight measures are None where `threshold_missed`. The arithmetic is float32, also for runs
    trained in bf16. Raises `ConfigError` where the weights are not those of `run`'s network, `Interrupted` once
    `stop()` is true.
    """
    initial, trained = (model.to(device) for model in load_trained(state, run, data))
    latent = materialise(initial, trained, quantized=False)
    raw = Form("raw", initial, materialise(initial, trained))
    folded = Form("folded", fold(initial), fold(raw.trained))
    images = training_images(data, config.train_images, stop)
    columns = _run_columns(trained, latent, raw.trained, images, config, batching)
    for form in (raw, folded):
        found = norm_columns(form)
        if config.centre == "quantized":
            found |= search_columns(form.initial, make_space(form.trained, config, batching), images, config)
        elif form is raw:
            space = make_space(latent, config, batching, quantizers(trained))
            found |= search_columns(form.initial, space, images, config)
        else:
            found |= no_search_columns()
        found |= curvature_columns(make_space(form.trained, config, batching), images, config)
        columns |= {f"{form.name}_{name}": value for name, value in found.items()}
    return columns


def _run_columns(
    trained: nn.Module,
    latent: nn.Module,
    quantized: nn.Module,
    images: ImageSet,
    config: MeasureConfig,
    batching: Batching,
) -> Columns:
    steps = step_sizes(trained)
    noise = quantization_noise(latent, quantized, steps)
    subset = images.subset(config.regularizer_images, "regularizer", config.seed)
    return {
        "weights": sum(latent.get_parameter(name).numel() for name in counted_names(latent)),
        "train_size": len(images),
        "layers": list(steps),
        "step_sizes": list(steps.values()),
        "quantization_error": quantization_error(noise),
        **_regularizer_columns(latent, steps, noise, subset, batching),
    }


def _regularizer_columns(
    latent: nn.Module,
    steps: Mapping[str, float],
    noise: Mapping[str, Tensor],
    images: ImageSet,
    batching: Batching,
) -> Columns:
    if not steps or quantizes_activations(latent):
        return dict.fromkeys(("regularizer_uniform", "regularizer_actual"))
    space = WeightSpace(latent, list(steps), batching)
    return {
        "regularizer_uniform": uniform_regularizer(space, steps, images),
        "regularizer_actual": actual_regularizer(space, noise, images),
    }
