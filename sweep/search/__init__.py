"""Adaptive search: Optuna asks for points, the launchers train them, rows tell how they went."""
