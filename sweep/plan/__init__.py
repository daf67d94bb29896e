"""What is to do, and what it costs. Nothing here imports torch."""
