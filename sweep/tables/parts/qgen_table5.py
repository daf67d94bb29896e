"""QGen Table 5: gaps on corrupted CIFAR-100 over all severities."""

from sweep.tables.gaps import GapTable

PART = GapTable(
    name="5",
    meaning="Generalization gap on corrupted test images, by corruption, over all severities.",
    paper="QGen Table 5",
    kind="distort",
    published="qgen_table5",
    over_severities=True,
)
