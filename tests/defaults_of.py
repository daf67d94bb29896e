"""What a part's hyperparameters are where a user gives none."""

from typing import Any

import yaml

from sweep.commands.defaults import CONF, neutral_values


def written(key: str, name: str) -> dict[str, Any]:
    """In the file of conf/, if there is one."""
    path = CONF / key / f"{name}.yaml"
    values: dict[str, Any] = yaml.safe_load(path.read_text()) if path.exists() else {}
    return values


def defaults_of(key: str, name: str) -> dict[str, Any]:
    return neutral_values() | {key: name} | written(key, name)
