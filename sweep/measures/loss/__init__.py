"""The loss of the unperturbed network, beside which the other measures are read."""

from sweep.config.measures import PERTURBED, ImagePasses, Measure, MeasureColumn

PART = Measure(
    "loss",
    "loss of the unperturbed network on the images that it is measured on",
    (PERTURBED,),
    of_form=(MeasureColumn("train_loss", float, "of the unperturbed network", "nats"),),
    passes=lambda values, images, classes: ImagePasses(forward=images),
)
