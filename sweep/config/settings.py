"""What never changes a run's numbers: where and how it is trained."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sweep.config.checks import check_boolean, check_choice, check_integer, check_number


def _shared(default: object, text: str) -> Any:
    """A setting of every command that does work."""
    return field(default=default, metadata={"doc": text, "of_training": False})


def _of_training(default: object, text: str) -> Any:
    return field(default=default, metadata={"doc": text, "of_training": True})


@dataclass(frozen=True)
class Settings:
    """Values that never change a run's numbers, units in their names; conf/settings.yaml and sweep.yaml have them."""

    results_dir: str = _shared("results", "rows, curves, measures, weights, checkpoints, plans and logs")
    device: Literal["auto", "cpu", "cuda"] = _shared("auto", "auto, cpu or cuda")
    engine: Literal["auto", "plain", "array"] = _of_training(
        "auto", "plain: one run at a time; array: runs of one architecture together; auto: array on a GPU"
    )
    kernels: Literal["torch", "triton"] = _of_training(
        "torch", "of arrays: PyTorch's operations, compiled; or triton, this package's own (GPUs, not fp64)"
    )
    array_size: int = _of_training(0, "at most this many runs in one array; 0: what the device's memory takes")
    gpu_memory_gb: float = _of_training(
        0, "of one GPU of a cluster, to make packs for; 0: asked of a GPU here, or else 40"
    )
    workers: int = _shared(0, "processes at a time; 0: one per GPU, or per core")
    threads: int = _shared(1, "CPU threads of each worker")
    processes_per_run: int = _of_training(
        1, "of one run, each on a GPU (or `threads` cores) of its own: its part of every batch"
    )
    decode_workers: int = _of_training(
        4, "processes that decode images for one that trains (augmentation=file_crop_flip); 0: itself"
    )
    pack_minutes: float = _shared(10, "about how long one worker process lasts")
    checkpoint_seconds: float = _of_training(60, "at most this much training is lost when a worker dies")
    keep_weights: bool = _of_training(False, "keep the initial and the best weights (sweep.measure needs them)")
    initial_weights_file: str = _of_training(
        "", "of initial_weights=file: tensors by name, as torch.save(model.state_dict(), ...) has them"
    )
    teacher_file: str = _of_training("", "of teacher=file, likewise")
    dry_run: bool = _shared(False, "print the plan and stop")
    rerun: Literal["missing", "stale"] = _shared(
        "missing", "missing: what has no result; stale: also what was made by other code"
    )
    max_attempts: int = _shared(3, "what its worker was killed or crashed at is tried this often")
    max_out_of_memory: int = _shared(2, "likewise what ran out of memory, the second time alone in its pack")
    max_timeouts: int = _shared(100, "likewise at its task's time limit; a training goes on from its checkpoint")
    max_preemptions: int = _shared(100, "likewise what was preempted")
    max_node_losses: int = _shared(10, "likewise what lost its node")
    snapshot: bool = _shared(False, "workers import a copy of the code as planned, kept under the sweep's folder")
    wait: bool = _shared(True, "false: submit to SLURM and leave; the same command again follows")
    claim_timeout_s: float = _shared(120, "a worker that gives no sign of life for so long loses its runs to others")
    stop_after_same_error: int = _shared(5, "stop when this many all failed, first of all, with one error")
    study: str = ""


SETTING_FIELDS = tuple(f for f in dataclasses.fields(Settings) if f.name != "study")
SETTING_KEYS = tuple(f.name for f in SETTING_FIELDS)
TRAINING_KEYS = tuple(f.name for f in SETTING_FIELDS if f.metadata["of_training"])


def make_settings(values: Mapping[str, object], study: str) -> Settings:
    """The settings of `values`, which name every key of `SETTING_KEYS`; raises `ConfigError`."""
    positive = ("pack_minutes", "checkpoint_seconds", "claim_timeout_s")
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
        **{name: check_boolean(name, values[name]) for name in ("keep_weights", "dry_run", "snapshot", "wait")},
        **{name: check_integer(name, values[name], 1) for name in counts},
        **{name: check_number(name, values[name], 0, low_open=True) for name in positive},
    }
    return Settings(**checked, study=study)
