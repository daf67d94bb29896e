"""Training speed of the engines against other ways to train the same networks."""
