"""Update rules: what one batch does to the parameters. A folder each: its description, and beside it its code."""
