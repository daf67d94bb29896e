"""A real SLURM cluster on one machine, for tests."""
