"""QGen Table 4: gaps on corrupted ImageNet by severity."""

from sweep.tables.gaps import GapTable

PART = GapTable(
    name="4",
    meaning="Generalization gap on corrupted test images, by corruption and severity.",
    paper="QGen Table 4",
    kind="distort",
    published="qgen_table4",
)
