"""Optimizers, a file each: a description, and the function that makes one. Torch is imported where one is made."""

from sweep.config.parts import Hyperparameter

MOMENTUM = Hyperparameter(
    "momentum",
    float,
    "of the optimizers that have it",
    neutral=0.0,
    low=0,
    in_every_id=True,
    differs_in_arrays=True,
    is_refused_unread=True,
)
