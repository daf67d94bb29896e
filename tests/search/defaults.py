"""The options of a search, as a command line without any gives them."""

from typing import Any

DEFAULTS: dict[str, Any] = {
    "n_trials": 8,
    "objectives": ["minimize test_loss"],
    "sampler": {"name": "tpe", "seed": 0},
    "pruner": {"name": "none"},
    "seed_from_rows": False,
}
