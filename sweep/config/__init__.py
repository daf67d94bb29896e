"""What is asked for: one run, a grid of them, settings. Nothing here imports torch."""
