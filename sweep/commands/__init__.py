"""From a command line to a plan."""
