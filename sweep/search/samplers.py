"""Optuna's samplers and pruners, by the names that the configuration has for them."""

import hashlib
from collections.abc import Callable
from typing import TypeVar

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler

from sweep.config.checks import ConfigError
from sweep.search.options import Method, SearchOptions

optuna.logging.set_verbosity(optuna.logging.ERROR)  # its lines on every trial would drown ours

T = TypeVar("T")
_SAMPLERS: dict[str, Callable[..., BaseSampler]] = {
    "tpe": TPESampler,
    "random": RandomSampler,
    "gp": GPSampler,
    "nsgaii": NSGAIISampler,
    "cmaes": CmaEsSampler,
}
_PRUNERS: dict[str, Callable[..., BasePruner]] = {
    "none": NopPruner,
    "median": MedianPruner,
    "halving": SuccessiveHalvingPruner,
    "hyperband": HyperbandPruner,
}


def make_sampler(options: SearchOptions, asked: int) -> BaseSampler:
    """The sampler for the trials after the first `asked` ones.

    Its seed follows from `asked`: a restarted search draws what an uninterrupted one would have drawn, and not
    its first trials again. Raises `ConfigError`.
    """
    digest = hashlib.sha256(f"{options.sampler_seed}/{asked}".encode()).digest()
    seed = int.from_bytes(digest[:4], "big")
    return _make("sampler", options.sampler, _SAMPLERS[options.sampler.name], seed=seed)


def make_pruner(options: SearchOptions) -> BasePruner:
    """Raises `ConfigError`."""
    return _make("pruner", options.pruner, _PRUNERS[options.pruner.name])


def _make(role: str, method: Method, make: Callable[..., T], **seed: int) -> T:
    try:
        return make(**method.options, **seed)
    except (ValueError, TypeError) as error:
        options = ", ".join(f"{role}.{name}={value}" for name, value in method.options.items())
        raise ConfigError(f"{role}={method.name}, {options}: {error}") from None
