"""QGen Table 3: the eight sharpness-based measures by network and precision."""

from sweep.config.measures import in_table
from sweep.tables.flatness import FlatnessTable

PART = FlatnessTable(
    name="3",
    meaning="The eight PAC-Bayes and sharpness measures.",
    paper="QGen Table 3",
    kind="measure",
    published="qgen_table3",
    in_report=True,
    metrics=in_table("3"),
)
