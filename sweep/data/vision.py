"""torchvision, also beside a CPU build of torch that does not match its operators.

PyPI has torchvision only with CUDA operators. Beside another build of torch they do not load, and the import fails on
the missing schema of nms, which no data set and no classifier uses; a schema is enough.
"""

import torch

try:
    import torchvision
except RuntimeError as error:
    if "torchvision::nms" not in str(error):
        raise
    for name in ("nms", "qnms"):
        torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision

__all__ = ["torchvision"]
