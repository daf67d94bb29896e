"""The measurement of one trained run: every measure that is asked for, of every form of its weights."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from sweep.config.checks import allowed
from sweep.config.measures import FORMS, Measure, MeasureColumn, check_measures
from sweep.config.measuring import MeasureConfig
from sweep.config.run import RunConfig
from sweep.data.interface import TrainingData
from sweep.measures.image_set import training_images
from sweep.measures.space import Batching
from sweep.measures.subject import Columns, Form, Subject
from sweep.training.weights import counted_names, fold, load_trained, materialise

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
    """The measures of `config` of the weights that `run` kept, on the training images of `data`, which lie on `device`.

    `state` holds the state dicts `initial` and `best`. The columns are `weights` (omega), `train_size` (m), and those
    that each measure declares. The arithmetic is float32, also for runs trained in bf16. Raises `ConfigError` where the
    weights are not those of `run`'s network or a measure is not known here, `Interrupted` once `stop()` is true,
    ValueError where a measure returns other columns than it declares.
    """
    initial, trained = (model.to(device) for model in load_trained(state, run, data))
    latent = materialise(initial, trained, quantized=False)
    quantized = materialise(initial, trained)
    images = training_images(data, config.train_images, stop)
    subject = Subject(trained, latent, quantized, images, config, batching)
    forms = (Form("raw", initial, quantized, subject), Form("folded", fold(initial), fold(quantized), subject))
    assert tuple(form.name for form in forms) == FORMS
    omega = sum(latent.get_parameter(name).numel() for name in counted_names(latent))
    columns: Columns = {"weights": omega, "train_size": len(images)}
    check_measures(Measure.key, config.measures)
    for each in config.parts:
        columns |= _measured(each, subject, forms)
    return columns


def _measured(measure: Measure, subject: Subject, forms: tuple[Form, ...]) -> Columns:
    code = measure.load()
    columns: Columns = {}
    if measure.of_run:
        columns |= _checked(code.of_run(subject), measure, measure.of_run)
    for form in forms if measure.of_form else ():
        found = _checked(code.of_form(form), measure, measure.of_form)
        columns |= {f"{form.name}_{name}": value for name, value in found.items()}
    return columns


def _checked(found: Columns, measure: Measure, declared: tuple[MeasureColumn, ...]) -> Columns:
    names = {column.name for column in declared}
    if found.keys() != names:
        raise ValueError(
            f"{measure.code} returned {allowed(found)}; {measure.module} declares {allowed(sorted(names))}"
        )
    return found
