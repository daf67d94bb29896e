"""One HTML file about the runs of a results directory. `python -m sweep.report`."""
