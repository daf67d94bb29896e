"""CIFAR-10 and CIFAR-100 through torchvision, downloaded where the network allows."""

from functools import partial

from sweep.config.datasets import DataSet
from sweep.config.facts import DataFacts

_facts = partial(DataFacts, train_size=50_000, test_size=10_000, channels=3, height=32, width=32)
_cifar = partial(DataSet, needs="data_dir with torchvision's files, or the internet", corrupted="cifar-c")

PARTS = (
    _cifar("cifar10", "60,000 photographs of 10 classes, 32 x 32", facts=_facts(classes=10), printed=("CIFAR-10",)),
    _cifar("cifar100", "60,000 photographs of 100 classes, 32 x 32", facts=_facts(classes=100), printed=("CIFAR-100",)),
)
