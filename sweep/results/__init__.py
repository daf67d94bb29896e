"""What is on disk: rows, curves, journals, plans, and where each lies."""
