"""Files of the weights that runs start or learn from: where each lies, and that it is the one that the run names."""

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sweep.config.bits import FULL_PRECISION
from sweep.config.checks import ConfigError
from sweep.config.chosen import NO_QUANTIZER
from sweep.config.networks import SIZES
from sweep.config.run import RunConfig
from sweep.config.settings import Settings
from sweep.config.transfer import FILE, NO_TEACHER, PRETRAINED, RANDOM, RUN, origin_of
from sweep.results.paths import ResultsDir
from sweep.results.rows import run_of_row

FILE_OF = {"initial_weights": "initial_weights_file", "teacher": "teacher_file"}


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def weights_file(key: str, name: str, settings: Settings) -> Path | None:
    """Returns the file of the weights `name` that a run has as its `key`, initial_weights or teacher; None for none.

    Raises `ConfigError` where a file is not the one that was planned.
    """
    origin, _, which = name.partition(":")
    if origin == RUN:
        return ResultsDir(Path(settings.results_dir)).weights(which)
    if origin == PRETRAINED:
        return pretrained_path(which)
    if origin != FILE:
        return None
    path = Path(getattr(settings, FILE_OF[key]))
    found = sha256_of(path)
    if found != which:
        raise ConfigError(f"{FILE_OF[key]}={path} has changed: its sha256 is {found[:12]}, the run's {which[:12]}")
    return path


def teacher_run(run: RunConfig, rows: Mapping[str, Mapping[str, Any]]) -> RunConfig:
    """Returns the science config of the teacher of `run`, a trained one by its id in `rows`; raises `ConfigError`.

    Without such an id it is the student's at full precision, with the teacher's network.
    """
    if origin_of(run.teacher) == RUN:
        run_id = run.teacher.partition(":")[2]
        if run_id not in rows:
            raise ConfigError(f"teacher={run.teacher[:16]}: the results directory has its weights and not its row")
        return run_of_row(rows[run_id])
    changes: dict[str, Any] = dict.fromkeys(SIZES, 1) if run.teacher_model else {}
    changes |= {"model": run.teacher_model or run.model, "quantizer": NO_QUANTIZER, "initial_weights": RANDOM}
    changes |= {"bits": FULL_PRECISION, "act_bits": FULL_PRECISION, "teacher": NO_TEACHER}
    return dataclasses.replace(run, **changes)


def pretrained_path(which: str) -> Path:
    """Returns where torch.hub keeps torchvision's weights `which`; there may be no such file yet."""
    import torch

    url: str = _url(which)
    return Path(torch.hub.get_dir(), "checkpoints", url.rpartition("/")[2])


def fetch_pretrained(which: str) -> Path:
    """Downloads what `pretrained_path` names where it is missing; raises `ConfigError` where that cannot be."""
    import torch

    path = pretrained_path(which)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        print(f"downloading {_url(which)} to {path}", flush=True)
        try:
            torch.hub.download_url_to_file(_url(which), str(path), _hash_prefix(path), progress=False)
        except (OSError, RuntimeError) as error:
            raise ConfigError(f"{which} cannot be downloaded ({error}): put {_url(which)} at {path}") from None
    return path


def _hash_prefix(path: Path) -> str:
    """torchvision ends the names of its files with the first digits of their sha256."""
    return path.stem.rpartition("-")[2]


def _url(which: str) -> str:
    from sweep.data.vision import torchvision

    url: str = torchvision.models.get_weight(which).url
    return url
