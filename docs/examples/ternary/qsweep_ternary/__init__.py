"""Ternary weights for qsweep."""
