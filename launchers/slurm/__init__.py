"""Packs of runs as SLURM job arrays."""
