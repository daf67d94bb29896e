"""Tables, one a file, each of which declares `PART`; the registry finds them here and outside of this package."""
