"""One step along the gradient."""

from sweep.config.part_classes import Rule

PART = Rule("plain", "the gradient g", trains_in_arrays=True, splits_over_processes=True)
