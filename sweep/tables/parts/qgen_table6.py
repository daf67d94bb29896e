"""QGen Table 6: gaps on corrupted ImageNet by severity, as Table 4; the paper prints two cells differently."""

from sweep.tables.gaps import GapTable

PART = GapTable(
    name="6",
    meaning="Generalization gap on corrupted test images, by corruption and severity, as the paper prints it again.",
    paper="QGen Table 6",
    kind="distort",
    published="qgen_table6",
)
