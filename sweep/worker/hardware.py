"""Which processors this machine has, and their memory."""

import os
import shutil
import subprocess

from sweep.config.checks import ConfigError


def visible_gpus() -> list[int]:
    """Returns the indices of the NVIDIA GPUs that this process may use; none where the driver does not answer."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [int(part) for part in chosen.split(",") if part.strip().isdigit()]
    if shutil.which("nvidia-smi") is None:
        return []
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return list(range(sum(line.startswith("GPU ") for line in listed.stdout.splitlines())))


def check_cuda() -> None:
    """Raises `ConfigError` where this build of torch cannot use the GPUs that are visible."""
    import torch

    if not torch.cuda.is_available():
        raise ConfigError(
            f"a GPU is visible, but this build of torch ({torch.__version__}) cannot use it: "
            f"install a CUDA build, or say device=cpu"
        )


def cores() -> int:
    """Returns how many CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpu_memory_bytes() -> int | None:
    """Returns the memory of the smallest NVIDIA GPU here, as the driver tells; None where there is none."""
    query = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, timeout=30).stdout.split()
    except (OSError, subprocess.TimeoutExpired):
        return None
    return min((int(mib) * 2**20 for mib in told if mib.isdigit()), default=None)


def host_memory_bytes() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def free_memory_bytes(device: str) -> int:
    """Returns what a worker on `device` (cpu or cuda) may take now."""
    if device == "cpu":
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    import torch

    free: int = torch.cuda.mem_get_info()[0]
    return free
