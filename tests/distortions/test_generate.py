"""Files of corrupted images: the same by any number of workers, and complete or absent."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweep.config.distorting import Distortion
from sweep.distortions.generate import CHUNK, beside, file_of, missing
from sweep.distortions.images import CorruptedImages
from tests.conftest import DIGITS
from tests.distortions.squares import COUNT, Squares, write
from tests.waiting import is_alive, wait_until


def test_every_image_is_in_its_place_and_counted(tmp_path: Path) -> None:
    distortions = [Distortion("fog", 1), Distortion("fog", 3)]
    made = write(tmp_path / "f", distortions[:1], Squares(tmp_path), 2)
    assert sorted(made) == [3, CHUNK, CHUNK]
    made += write(tmp_path / "f", distortions, Squares(tmp_path), 1)  # of the second alone
    assert sum(made) == 2 * COUNT and not missing(tmp_path / "f", distortions)
    for distortion in distortions:
        images = np.load(file_of(tmp_path / "f", distortion))
        expected = np.arange(COUNT)[:, None, None, None] + distortion.severity
        assert (images == expected.astype(np.uint8)).all() and images.shape == (COUNT, 2, 2, 1)


def test_generated_digits_are_the_same_by_one_worker_and_by_two(tmp_path: Path) -> None:
    images = CorruptedImages(DIGITS, 0, "", decoded=False)
    distortions = [Distortion(name, 4, 1) for name in ("impulse_noise", "frost")]
    for workers, order in ((1, distortions), (2, distortions[::-1])):
        images.prepare(order, tmp_path / str(workers), workers, lambda count: None)
    for distortion in distortions:
        one, two = (images.load(distortion, tmp_path / name) for name in ("1", "2"))
        assert one.shape == (355, 8, 8, 1) and (one == two).all()


def test_a_subset_has_the_images_that_all_have(tmp_path: Path, digit_arrays: Any) -> None:
    from sweep.data.device import subset_index

    distortion = Distortion("shot_noise", 2)
    part = CorruptedImages(DIGITS, 20, "", decoded=False)
    whole = CorruptedImages(DIGITS, 0, "", decoded=False)
    for images in (part, whole):
        assert images.missing([distortion], tmp_path) == [distortion]
        images.prepare([distortion], tmp_path, 1, lambda count: None)
        assert images.missing([distortion], tmp_path) == []
    index = subset_index(355, 20)
    assert (part.load(distortion, tmp_path) == whole.load(distortion, tmp_path)[index]).all()


def test_what_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    distortion = Distortion("fog", 1)
    with pytest.raises(OSError, match="cannot be read"):
        write(tmp_path / "f", [distortion], Squares(tmp_path, broken_from=CHUNK + 1), 2)
    assert [path.name for path in (tmp_path / "f").iterdir()] == ["lock"]


def test_an_interrupted_file_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), beside(tmp_path / "a.npy") as path:
        path.write_text("half")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


SLOW = """
import sys
from pathlib import Path
from sweep.config.distorting import Distortion
from tests.distortions.squares import Squares, write
folder = Path(sys.argv[1])
if __name__ == "__main__":
    write(folder / "f", [Distortion("fog", s) for s in (1, 2, 3)], Squares(folder, pause_s=0.002), 2)
"""


def test_a_kill_leaves_complete_files_only_and_no_workers(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    going = subprocess.Popen([sys.executable, str(tmp_path / "slow.py"), str(tmp_path)], env=environment)
    first, second, third = (Distortion("fog", severity) for severity in (1, 2, 3))
    wait_until(
        lambda: not missing(tmp_path / "f", [first]) and list((tmp_path / "f").glob(".fog-2*")), 60, "the second file"
    )
    going.send_signal(signal.SIGKILL)
    going.wait()
    pids = [int(path.name.removeprefix("pid")) for path in tmp_path.glob("pid*")]
    wait_until(lambda: not any(map(is_alive, pids)), 60, "the processes to end")
    for distortion in (first, second, third):
        path = file_of(tmp_path / "f", distortion)
        assert not path.exists() or (np.load(path)[:, 0, 0, 0] == np.arange(COUNT) + distortion.severity).all()
    assert missing(tmp_path / "f", [third])
    write(tmp_path / "f", [first, second, third], Squares(tmp_path), 2)
    names = {path.name for path in (tmp_path / "f").iterdir()}
    assert names == {"lock", *(file_of(tmp_path, each).name for each in (first, second, third))}
