"""The tests in this folder run where kernels do: on a GPU, or in Triton's interpreter with TRITON_INTERPRET=1.

Set before Triton is imported, that variable holds for a whole process. So `tests/training/array/test_kernels.py`
starts one for this folder.
"""

import os
from typing import Any

import torch

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
collect_ignore_glob = [] if INTERPRETED or torch.cuda.is_available() else ["test_*.py"]

if INTERPRETED:
    from triton.runtime import interpreter

    _patch = interpreter._patch_lang_tensor

    def _patch_index(tensor: Any, scope: Any) -> None:
        """Triton 3.6 makes loop bounds of arrays of one element, which NumPy 2.4 no longer takes for numbers."""
        _patch(tensor, scope)
        scope.set_attr(tensor, "__index__", lambda self: int(self.handle.data.item()))

    interpreter._patch_lang_tensor = _patch_index
