"""The norm of the weights, and their distance to the initial ones (QGen Table 2)."""

from sweep.config.measures import Measure, MeasureColumn

PART = Measure(
    "norms",
    "l2 norm of the weights, and of their distance to the initial ones",
    of_form=(
        MeasureColumn("l2_norm", float, "of the counted weights", is_ranked=True, table="2"),
        MeasureColumn(
            "distance", float, "l2 distance of the counted weights to their initial values", is_ranked=True, table="2"
        ),
    ),
    paper="QGen Table 2",
)
