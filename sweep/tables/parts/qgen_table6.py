"""QGen Table 6: gaps on corrupted ImageNet by severity, as Table 4; the paper prints two cells differently."""

from sweep.tables.gaps import GapTable

PART = GapTable(
    name="6",
    meaning="Table 4 as the paper prints it again.",
    title="Table 6: gaps on corrupted images, by severity",
    paper="QGen Table 6",
    kind="distort",
    published="qgen_table6",
)
