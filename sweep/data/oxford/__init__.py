"""Oxford Flowers-102 and Oxford-IIIT Pets through torchvision, as square images of one size."""

from dataclasses import dataclass
from functools import partial

from sweep.config.datasets import DataSet
from sweep.config.facts import DataFacts

SIDE = 224  # in papers


@dataclass(frozen=True)
class OxfordSet(DataSet):
    """The set's name in `torchvision.datasets`, and the splits there that are for training and for testing."""

    torchvision: str = ""
    train_splits: tuple[str, ...] = ()
    test_split: str = "test"


_oxford = partial(OxfordSet, needs="data_dir with torchvision's folder, or the internet; image_size", printed_side=SIDE)
_facts = partial(DataFacts, channels=3, height=SIDE, width=SIDE)

PARTS = (
    _oxford(
        "flowers102",
        "Oxford Flowers-102: 8,189 photographs of 102 kinds of flowers",
        facts=_facts(train_size=2040, test_size=6149, classes=102),
        printed=("Oxford Flowers-102",),
        torchvision="Flowers102",
        train_splits=("train", "val"),  # together: the rule in transfer learning (Kornblith et al. 2019)
    ),
    _oxford(
        "pets",
        "Oxford-IIIT Pets: 7,349 photographs of 37 breeds",
        facts=_facts(train_size=3680, test_size=3669, classes=37),
        printed=("Oxford-IIIT Pets",),
        torchvision="OxfordIIITPet",
        train_splits=("trainval",),
    ),
)
