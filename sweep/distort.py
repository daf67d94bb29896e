"""`python -m sweep.distort -m bits=2,32 corruption=contrast severity=1,5`: trained runs on corrupted images, see
docs/distortions.md.
"""

import sys

from sweep.commands.arguments import Key, Section, text
from sweep.commands.composed import ComposedCommand, no_task, with_multirun
from sweep.commands.distorting import DistortSweeper
from sweep.commands.keys import HYDRA, SELECTION, SETTINGS, TRAINED_IMAGES

OPTIONS = Section(
    "On which corrupted images; several values are an axis",
    (
        Key("corruption", "all (QReg's 19), common (the 15 of QGen), extra (the other 4), or names", text),
        Key("severity", "1 to 5", text),
        Key("corruption_seed", "of generated images", text),
        Key("corruption_dir", "of CIFAR-10-C's, CIFAR-100-C's or ImageNet-C's files; null: images are generated", text),
    ),
)
SECTIONS = (SELECTION, OPTIONS, TRAINED_IMAGES, SETTINGS, HYDRA)
COMMAND = ComposedCommand("sweep.distort", __doc__, SECTIONS, "distort", (DistortSweeper,))


def main() -> None:
    COMMAND.run(with_multirun(sys.argv[1:]), no_task)


if __name__ == "__main__":
    main()
