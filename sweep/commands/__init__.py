"""From a command line to a plan and its launch."""
