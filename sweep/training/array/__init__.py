"""The array engine: NiN members of one architecture trained together."""
