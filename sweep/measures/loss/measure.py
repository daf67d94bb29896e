"""The loss at the dequantized weights."""

from sweep.measures.losses import losses
from sweep.measures.subject import Columns, Form


def of_form(form: Form) -> Columns:
    """The mean cross entropy in nats on all images that are measured on."""
    return {"train_loss": losses(form.space, form.space.vector[None], form.subject.images).item()}
