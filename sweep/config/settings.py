"""What never changes a run's numbers: where and how it is trained."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sweep.config.checks import check_boolean, check_choice, check_integer, check_number


@dataclass(frozen=True)
class Settings:
    """Values that never change a run's numbers, units in their names; conf/settings.yaml and sweep.yaml say more."""

    results_dir: str = "results"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    engine: Literal["auto", "plain", "array"] = "auto"
    kernels: Literal["torch", "triton"] = "torch"
    array_size: int = 0
    gpu_memory_gb: float = 0
    workers: int = 0
    threads: int = 1
    processes_per_run: int = 1
    decode_workers: int = 4
    pack_minutes: float = 10
    checkpoint_seconds: float = 60
    keep_weights: bool = False
    initial_weights_file: str = ""
    teacher_file: str = ""
    dry_run: bool = False
    rerun: Literal["missing", "stale"] = "missing"
    max_attempts: int = 3
    max_out_of_memory: int = 2
    max_timeouts: int = 100
    max_preemptions: int = 100
    max_node_losses: int = 10
    wait: bool = True
    stop_after_same_error: int = 5
    study: str = ""


SETTING_KEYS = tuple(f.name for f in dataclasses.fields(Settings) if f.name != "study")


def make_settings(values: Mapping[str, object], study: str) -> Settings:
    """The settings of `values`, which name every key of `SETTING_KEYS`; raises `ConfigError`."""
    positive = ("pack_minutes", "checkpoint_seconds")
    limits = (name for name in SETTING_KEYS if name.startswith("max_"))
    counts = ("threads", "processes_per_run", "stop_after_same_error", *limits)
    checked: dict[str, Any] = {
        "results_dir": str(values["results_dir"]),
        **{name: str(values[name] or "") for name in ("initial_weights_file", "teacher_file")},
        "device": check_choice("device", values["device"], ("auto", "cpu", "cuda")),
        "engine": check_choice("engine", values["engine"], ("auto", "plain", "array")),
        "kernels": check_choice("kernels", values["kernels"], ("torch", "triton")),
        "workers": check_integer("workers", values["workers"], 0),
        "decode_workers": check_integer("decode_workers", values["decode_workers"], 0),
        "array_size": check_integer("array_size", values["array_size"], 0),
        "gpu_memory_gb": check_number("gpu_memory_gb", values["gpu_memory_gb"], 0),
        "rerun": check_choice("rerun", values["rerun"], ("missing", "stale")),
        **{name: check_boolean(name, values[name]) for name in ("keep_weights", "dry_run", "wait")},
        **{name: check_integer(name, values[name], 1) for name in counts},
        **{name: check_number(name, values[name], 0, low_open=True) for name in positive},
    }
    return Settings(**checked, study=study)
