"""QGen Table 2: norms of the weights by network and precision."""

from sweep.config.measures import in_table
from sweep.tables.flatness import FlatnessTable

PART = FlatnessTable(
    name="2",
    meaning="Norms of the weights, and their distance to the initial ones.",
    paper="QGen Table 2",
    kind="measure",
    published="qgen_table2",
    in_report=True,
    metrics=in_table("2"),
)
