"""What the weights alone tell."""

from sweep.measures.subject import Columns, Form
from sweep.training.weights import counted_names, flatten


def of_form(form: Form) -> Columns:
    """The l2 norms of the counted weights, and of what they moved from their initial values."""
    names = counted_names(form.trained)
    w, w0 = flatten(form.trained, names), flatten(form.initial, names)
    return {"l2_norm": float(w.double().norm()), "distance": float((w.double() - w0.double()).norm())}
