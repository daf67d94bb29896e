"""The array engine's kernels in Triton, with the functions that launch them."""
