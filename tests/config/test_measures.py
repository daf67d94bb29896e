"""What the measures of this package declare: their columns, the settings that they read, what they cost."""

import re
from pathlib import Path

import pytest

from sweep.config.measures import FORMS, ImagePasses, in_table, measures, ranked
from sweep.config.measuring import MeasureConfig, make_measure_config, values_of
from sweep.config.parts import parts_of
from sweep.results.schema import MEASURES
from sweep.tables.flatness import FlatnessTable
from sweep.tables.table import Table

BOUNDS = [f"{f}_{s}{o}" for f in ("pacbayes", "sharpness") for s in ("", "mag_") for o in ("init", "orig")]
SETTINGS_THAT_ALL_HAVE = {"seed", "precision", "train_images"}
# The columns of stored rows and their types, which must never change.
OF_RUN = {
    "layers": "list<item: string>", "step_sizes": "list<item: double>", "quantization_error": "double",
    "regularizer_uniform": "double", "regularizer_actual": "double",
}  # fmt: skip
OF_FORM = {
    "l2_norm": "double", "distance": "double", "train_acc": "double", "train_loss": "double",
    "threshold_missed": "bool", **dict.fromkeys(BOUNDS, "double"), "hessian_eigenvalue": "double",
    "hessian_converged": "bool", "hessian_iterations": "int64", "linf_box": "list<item: double>",
    "linf_subspace": "list<item: double>",
    "history": "list<item: struct<search: string, step: int64, scale: double, excess_low: double, "
    "excess_high: double, images: int64>>",
    "landscape": "list<item: struct<x: double, y: double, loss: double>>",
}  # fmt: skip
for scale in ("sigma", "sigma_mag", "alpha", "alpha_mag"):
    OF_FORM |= {scale: "double", f"{scale}_converged": "bool", f"{scale}_saturated": "bool"}


def test_the_columns_are_those_of_stored_rows() -> None:
    expected = OF_RUN | {f"{form}_{name}": type for form in FORMS for name, type in OF_FORM.items()}
    names = {column.name for measure in measures().values() for column in measure.columns}
    assert {c.name: str(c.type) for c in MEASURES.columns if c.name in names} == expected


def test_what_is_ranked_and_tabulated_is_what_papers_print_in_their_order() -> None:
    assert in_table("2") == ("l2_norm", "distance") and list(in_table("3")) == BOUNDS
    assert list(ranked()) == ["l2_norm", "distance", *BOUNDS, "hessian_eigenvalue"]
    of_measures = {part.name for part in parts_of(Table).values() if isinstance(part, FlatnessTable)}
    assert {c.table for each in measures().values() for c in each.columns if c.table} == of_measures
    scales = {c.name: c.scale for c in measures()["bounds"].of_form if c.scale}
    assert scales == {
        name: ("sigma" if name.startswith("pacbayes") else "alpha") + "_mag" * ("_mag_" in name) for name in BOUNDS
    }


@pytest.mark.parametrize("name", list(measures()))
def test_a_measure_declares_the_settings_that_its_code_reads(name: str) -> None:
    """Otherwise one that it reads would be left at its default where nothing else is measured."""
    measure = measures()[name]
    folder = Path(measure.load_description().__file__ or "").parent
    text = "".join(path.read_text() for path in folder.glob("*.py") if path.name != "__init__.py")
    read = set(re.findall(r"config\.(\w+)", text.replace("sweep.config.", "")))
    if "form.space" in text or "subject.space(" in text:
        read.add("perturbed")
    if "curvature_images" in text:
        read.add("curvature_images")
    assert read - SETTINGS_THAT_ALL_HAVE == {own.name for own in measure.reads}


# On 1000 images of 10 classes, by the counts of the settings' defaults.
PASSES = {
    "norms": (0, 0),
    "quantization": (0, 0),
    "loss": (1000, 0),
    "bounds": (2 * 8 * (10 + 10) * 1000, 2 * 8 * 10 * 20 * 250),
    "landscape": (0, 0),
    "hessian": (0, 25 * 2 * 1000),
    "linf": (0, 2 * 2 * 12 * 1000),
    "regularizer": (0, 1000 * 10),
}


@pytest.mark.parametrize("name", list(measures()))
def test_what_a_measure_costs(name: str) -> None:
    assert measures()[name].passes(values_of(MeasureConfig()), 1000, 10) == ImagePasses(*PASSES[name])
    values = values_of(make_measure_config({"landscape_points": 3, "curvature_images": 50}))
    assert measures()["landscape"].passes(values, 1000, 10) == ImagePasses(forward=9 * 50)
