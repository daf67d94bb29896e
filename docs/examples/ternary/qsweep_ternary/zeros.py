"""The share of weights that are 0, of which ternary networks have many: a measure in one file."""

from typing import TYPE_CHECKING

from sweep.config.measures import Measure, MeasureColumn

if TYPE_CHECKING:
    from sweep.measures.subject import Form

PART = Measure(
    "zeros",
    "share of the counted weights that are 0",
    of_form=(MeasureColumn("zero_share", float, "of the counted weights", "share of 1", table="2"),),
)


def of_form(form: "Form") -> dict[str, float]:
    return {"zero_share": (form.space.vector == 0).double().mean().item()}
