"""What a process does with a pack."""
