"""The searches of one form of a network, and what they print."""

from collections.abc import Iterator

from sweep.measures.bounds import BOUNDS, SCALES, SearchStep
from sweep.measures.bounds.bounds import Bounds
from sweep.measures.bounds.perturbation import Searches
from sweep.measures.bounds.search import SearchResult
from sweep.measures.space import WeightSpace
from sweep.measures.subject import Columns, Form
from sweep.training.weights import counted_names, flatten, quantizers


def of_form(form: Form) -> Columns:
    """Accuracy, sigma and alpha, plain and magnitude-aware, how their searches went, and the eight measures.

    Perturbed are the dequantized weights; with centre=latent the latent ones, quantized anew, and nothing of the folded
    form: quantizing folded latents would make another function. Scales and measures are None where the unperturbed
    network misses the threshold.
    """
    if form.subject.config.centre == "quantized":
        return _searched(form, form.space)
    if form.name == "raw":
        return _searched(form, form.subject.space(form.subject.latent, quantizers(form.subject.trained)))
    names = ["train_acc", "threshold_missed", *SCALES, *BOUNDS]
    names += [f"{name}_{flag}" for name in SCALES for flag in ("converged", "saturated")]
    return dict.fromkeys(names) | {"history": []}


def _searched(form: Form, space: WeightSpace) -> Columns:
    images, config = form.subject.images, form.subject.config
    searches = Searches(space, flatten(form.initial, list(space.shapes)), images, config)
    results: dict[str, SearchResult] = {name: getattr(searches, name)() for name in SCALES}
    counted = counted_names(space.model)
    bounds = Bounds(flatten(space.model, counted), flatten(form.initial, counted), len(images), config)
    columns: Columns = {"train_acc": searches.accuracy, "threshold_missed": searches.missed}
    for name, result in results.items():
        columns |= {name: result.value, f"{name}_converged": result.converged, f"{name}_saturated": result.saturated}
    columns |= bounds.printed({name: result.value for name, result in results.items()})
    return columns | {"history": [step for name in SCALES for step in _steps(name, results[name])]}


def _steps(search: str, result: SearchResult) -> Iterator[SearchStep]:
    for i, step in enumerate(result.history):
        yield {
            "search": search,
            "step": i,
            "scale": step.scale,
            "excess_low": step.excess.low,
            "excess_high": step.excess.high,
            "images": step.excess.images,
        }
