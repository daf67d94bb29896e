"""Tables from rows, beside the published ones. `python -m sweep.tables`."""
