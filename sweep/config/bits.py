"""Precisions in bits."""

FULL_PRECISION = 32
