"""Figures from measurements. `python -m sweep.figures`."""
