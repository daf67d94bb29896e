"""Quantizers, a folder each: its description, which loads without torch, and beside it its code."""
