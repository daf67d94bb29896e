"""What the cluster's configuration allows, and for how many tasks it has room."""

import os
import re
from collections.abc import Mapping
from typing import Any

from launchers.slurm.commands import ClusterUnavailable, Refused, run, said

_GPUS = re.compile(r"\bgpu(?::(?P<type>[A-Za-z][\w.-]*))?:(?P<count>\d+)")  # in the generic resources of a node


def max_array_size() -> int:
    """Returns how many tasks one array may have: SLURM's MaxArraySize caps the index, which counts from 0."""
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", run("scontrol", "show", "config"), re.MULTILINE)
    return int(found.group(1)) if found else 1001


def max_submit(account: str | None) -> int | None:
    """Returns the user's MaxSubmitJobs, where there is accounting and it is set."""
    user = os.environ.get("USER") or str(os.getuid())
    where = [f"user={user}", *([f"account={account}"] if account else [])]
    try:
        listed = run("sacctmgr", "--noheader", "--parsable2", "show", "assoc", *where, "format=MaxSubmitJobs")
    except (Refused, ClusterUnavailable, FileNotFoundError):
        return None
    limits = [int(line) for line in listed.split() if line.isdigit()]
    return min(limits, default=None)


def capacity(partition: str | None, gpus: int, gpu_type: str, cpus: int) -> int | None:
    """Returns how many tasks with these GPUs and cores the nodes of `partition` hold; None where SLURM does not tell.

    `partition` may be several, separated by commas; None is the cluster's default. Without GPUs, cores are counted.
    """
    chosen = f"--partition={partition}" if partition else "--all"  # sinfo takes one of them
    try:
        listed = run("sinfo", "--Node", "--noheader", "--format=%P|%N|%c|%G", chosen)
    except (Refused, ClusterUnavailable, FileNotFoundError):
        return None
    rows = [line.split("|", 3) for line in listed.splitlines()]
    nodes = {name: (int(cores), resources) for of, name, cores, resources in rows if partition or of.endswith("*")}
    if gpus:
        return sum(_gpus_in(resources, gpu_type) // gpus for _, resources in nodes.values()) or None
    return sum(cores // cpus for cores, _ in nodes.values()) or None


def _gpus_in(resources: str, gpu_type: str) -> int:
    """GPUs of one node, those of a type where one is asked for."""
    return sum(int(own["count"]) for own in _GPUS.finditer(resources) if gpu_type in ("", own["type"]))


def tried(options: Mapping[str, Any]) -> str:
    """Returns what sbatch says of a task with these options, which it does not submit; raises `Refused`."""
    words = [f"--{name}" if value is True else f"--{name}={value}" for name, value in options.items()]
    return said("sbatch", "--test-only", *words, "--wrap=true").strip()
