"""The measure settings: their id, what is allowed, and what cannot change a measure."""

import json
import subprocess
import sys

import numpy as np
import pytest

from sweep import PROJECT
from sweep.config.checks import ConfigError
from sweep.config.measures import measures
from sweep.config.measuring import MEASURE_FIELDS, UNLESS, MeasureConfig, canonical_json, make_measure_config
from sweep.results.rows import measure_columns, measure_config_of

# These ids must never change: stored rows are found by them.
PINNED = {
    "defaults": ({}, "c60d6f9ea813e880819d7ae3b06c74ecea78d8f1444e3a690cfc092a8c163a75"),
    "seed 1": ({"seed": 1}, "868df73751369eac3fbe3179d068820fe075b334ecbea70335c3ae2039acc11b"),
    "paper": (
        {"ascent": "paper", "threshold": "error", "log_argument": "paper"},
        "5b948b74a4821b2d9626cb08492c5c039faf7040ed1cc27452c93e034cefd421",
    ),
}


@pytest.mark.parametrize("name", PINNED)
def test_pinned_ids(name: str) -> None:
    values, measure_id = PINNED[name]
    assert make_measure_config(values).options_id == measure_id


OTHER = {
    "seed": 1, "threshold": "error", "target": 0.2, "tolerance": 0.02, "search_steps": 3, "search_ceiling": 1,
    "noise_samples": 3, "restarts": 3, "perturbed": "all", "centre": "latent", "magnitude_noise": "peer",
    "magnitude_eps": 0.1, "ascent": "l2", "ascent_steps": 3, "ascent_share": 0.2, "ascent_images": 3,
    "log_argument": "paper", "delta": 0.1, "curvature_images": 3, "hessian_tol": 0.1, "hessian_iterations": 3,
    "hessian_shift": -2, "linf_radii": [0.1], "linf_dimensions": 3, "linf_iterations": 3, "regularizer_images": 3,
    "landscape_points": 3, "precision": "tf32", "train_images": 500, "measures": "norms",
}  # fmt: skip


@pytest.mark.parametrize("name", OTHER)
def test_every_setting_is_part_of_the_id(name: str) -> None:
    assert make_measure_config({name: OTHER[name]}).options_id != MeasureConfig().options_id


def test_all_settings_are_tested() -> None:
    assert set(OTHER) == set(MEASURE_FIELDS) - {"ascent_lr", "landscape_radius"}  # these matter with another only


def test_the_id_is_that_of_every_field_but_later_ones_at_what_changes_nothing() -> None:
    assert set(json.loads(canonical_json(MeasureConfig()))) == set(MEASURE_FIELDS) - set(UNLESS)
    other = json.loads(canonical_json(MeasureConfig(precision="tf32", train_images=5, measures="norms")))
    assert set(other) == set(MEASURE_FIELDS) and other["precision"] == "tf32"


def test_rows_from_before_a_setting_have_it_at_what_changes_nothing() -> None:
    row = measure_columns(MeasureConfig(seed=3)) | {"measure_precision": None}
    assert measure_config_of(row) == MeasureConfig(seed=3)
    assert measure_config_of(row | {"measure_linf_radii": np.array([1e-3, 5e-4])}) == MeasureConfig(seed=3), "of pandas"


@pytest.mark.parametrize(
    ("given", "same"),
    [
        ({"ascent_lr": 1}, {}),
        ({"landscape_radius": 2}, {}),
        ({"ascent": "paper", "ascent_share": 0.5}, {"ascent": "paper"}),
        ({"linf_radii": (0.001, "5e-4"), "target": "0.1"}, {}),
    ],
)
def test_what_changes_no_number_has_one_id(given: dict[str, object], same: dict[str, object]) -> None:
    assert make_measure_config(given).options_id == make_measure_config(same).options_id


def test_what_is_measured_has_one_name_and_leaves_unread_what_only_others_read() -> None:
    ours = "+".join(reversed(list(measures())))
    assert make_measure_config({"measures": ours}) == MeasureConfig()
    assert make_measure_config({"measures": "hessian+norms"}).measures == "norms+hessian"
    assert [measure.name for measure in make_measure_config({"measures": "hessian+norms"}).parts] == [
        "norms",
        "hessian",
    ]
    norms = make_measure_config({"measures": "norms"})
    assert make_measure_config({"measures": "norms", "restarts": 3, "landscape_points": 5}) == norms
    assert make_measure_config({"measures": "hessian", "hessian_tol": 0.5}).hessian_tol == 0.5


def test_every_setting_is_read_by_a_measure_that_declares_it() -> None:
    """So that none is set to its default where it would change a number."""
    own = {"seed", "precision", "train_images", "measures"}
    assert {each.name for measure in measures().values() for each in measure.reads} == set(MEASURE_FIELDS) - own


@pytest.mark.parametrize("changes", [{"ascent": "paper"}, {"ascent": "l2"}])
def test_a_learning_rate_that_is_used_has_its_own_id(changes: dict[str, object]) -> None:
    assert make_measure_config(changes | {"ascent_lr": 1}) != make_measure_config(changes)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sede": 1}, "sede: there is no such key; did you mean seed? Settings of a measurement: seed, precision"),
        ({"seed": -1}, "seed=-1: allowed is a whole number from 0 to 2147483647"),
        ({"threshold": "los"}, "threshold=los: allowed are drop, error"),
        ({"perturbed": "some"}, "perturbed=some: allowed are counted, all"),
        ({"centre": "latents"}, "centre=latents: allowed are quantized, latent; did you mean latent?"),
        ({"magnitude_noise": "x"}, "magnitude_noise=x: allowed are weights, theory, peer"),
        ({"ascent": "linf"}, "ascent=linf: allowed are effective, paper, l2"),
        ({"log_argument": "x"}, "log_argument=x: allowed are scale, paper"),
        ({"target": 1}, "target=1: allowed is a share above 0 and below 1"),
        ({"delta": 0}, "delta=0: allowed is a number above 0"),
        ({"search_steps": 0}, "search_steps=0: allowed is a whole number from 1 up"),
        ({"curvature_images": 1.5}, "curvature_images=1.5: allowed is a whole number from 0 up"),
        ({"hessian_shift": "inf"}, "hessian_shift=inf: allowed is a number"),
        ({"linf_radii": 0.1}, r"linf_radii=0.1: allowed is a list of radii above 0 such as \[0.001,0.0005\]"),
        ({"linf_radii": [0.1, -1]}, "linf_radii=-1: allowed is a number above 0"),
        ({"landscape_points": 4}, "landscape_points=4: allowed are 0 and odd numbers from 3"),
        ({"measures": "norm"}, "measure=norm: allowed are .*; did you mean norms?"),
        ({"tolerance": 0.1}, "tolerance=0.1: must be below target=0.1"),
    ],
)
def test_errors(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("?", r"\?")):
        make_measure_config(values)


def test_planning_measurements_does_not_import_torch() -> None:
    code = "import sys, sweep.config.measuring; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT).returncode == 0
