"""What the config value `precision` means for tensors and matrix products."""

from contextlib import AbstractContextManager

import torch

# Of images, activations and the operands of matrix products. Weights, optimizer state and statistics are float32,
# or float64 throughout for fp64, the reference.
OPERANDS = {
    "fp64": torch.float64,
    "fp32": torch.float32,
    "tf32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


def master_dtype(precision: str) -> torch.dtype:
    """Returns the dtype of weights, step sizes, optimizer state, BN statistics and losses."""
    return torch.float64 if precision == "fp64" else torch.float32


def set_tf32(precision: str) -> None:
    """Lets float32 products on a GPU round their operands to TF32, or forbids it; for the whole process."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """The plain engine's mixed precision: convolutions and products in 16 bits, the rest as PyTorch decides."""
    half = OPERANDS[precision].itemsize == 2
    return torch.autocast(device.type, OPERANDS[precision] if half else None, enabled=half)
