"""What is asked for: names, sets, severities, seeds; and the ids of it."""

import re

import pytest

from sweep.config.checks import ConfigError
from sweep.config.distorting import COMMON, CORRUPTIONS, EXTRA, Distortion, make_distortions
from sweep.config.work import Work


def test_sets_and_names_make_each_point_once() -> None:
    assert (len(COMMON), len(EXTRA), len(CORRUPTIONS)) == (15, 4, 19)
    found = make_distortions(["extra", "fog", "spatter"], [1, 5, 1], [0], "generated", "")
    assert [(d.corruption, d.severity) for d in found] == [(n, s) for n in (*EXTRA, "fog") for s in (1, 5)]


def test_published_images_have_one_seed() -> None:
    assert make_distortions(["fog"], [2], [3, 4], "cifar-c", "/d") == [Distortion("fog", 2, 0, "cifar-c")]
    assert [d.seed for d in make_distortions(["fog"], [2], [3, 4], "generated", "")] == [3, 4]


@pytest.mark.parametrize(
    ("corruption", "severity", "seed", "message"),
    [
        ("gausian_noise", 1, 0, "corruption=gausian_noise: allowed are gaussian_noise, shot_noise"),
        ("gausian_noise", 1, 0, "did you mean gaussian_noise?"),
        ("fog", 6, 0, "severity=6: allowed is a whole number from 1 to 5"),
        ("fog", 0, 0, "severity=0: allowed is a whole number from 1 to 5"),
        ("fog", "high", 0, "severity=high: allowed is a whole number from 1 to 5"),
        ("fog", 1, -1, "corruption_seed=-1: allowed is a whole number from 0"),
    ],
)
def test_what_is_refused(corruption: str, severity: object, seed: int, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        make_distortions([corruption], [severity], [seed], "generated", "")


def test_ids_are_of_the_images_and_stay() -> None:
    fog = Distortion("fog", 2)
    assert fog.options_id == "e3252d0aecb67ca7351ee9388e3dac020cae0739c5d411fb163be0ad300a506e"
    assert Distortion("fog", 2, directory="/elsewhere") == fog
    assert Distortion("fog", 2, directory="/elsewhere").options_id == fog.options_id
    others = [Distortion("frost", 2), Distortion("fog", 3), Distortion("fog", 2, 1), Distortion("fog", 2, 0, "cifar-c")]
    assert len({Work("distort", each).task_id("run") for each in (fog, *others)}) == 5
