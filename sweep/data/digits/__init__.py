"""scikit-learn's 1,797 handwritten digits, 8 x 8: real images that need no download."""

from sweep.config.datasets import DataSet
from sweep.config.facts import DataFacts

PART = DataSet(
    "digits",
    "scikit-learn's 1,797 handwritten digits, 8 x 8",
    facts=DataFacts(train_size=1442, test_size=355, channels=1, height=8, width=8, classes=10),
)
