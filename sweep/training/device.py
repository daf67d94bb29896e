"""The device that a run trains on, as its row names it."""

import torch


def device_name(device: torch.device) -> str:
    """Returns cpu, or the name of the GPU as its driver gives it."""
    return "cpu" if device.type == "cpu" else torch.cuda.get_device_name(device)
