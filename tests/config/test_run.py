"""What a run is: its id, what is allowed, and what cannot change its numbers."""

import dataclasses
import json
from typing import Any

import pytest

from sweep.config.checks import ConfigError
from sweep.config.part_classes import Quantizer, Rule
from sweep.config.parts import parts_of
from sweep.config.run import RUN_FIELDS, UNLESS, RunConfig, can_join_array, canonical_json, make_run
from sweep.config.settings import make_settings
from tests.config.each_quantizer import ACTS, EACH_QUANTIZER
from tests.conftest import TINY, tiny_run

QGEN = TINY | {
    "dataset": "cifar10",
    "train_subset": 0,
    "test_subset": 0,
    "augmentation": "crop_flip",
    "base_width": 25,
    "width": 8,
    "epochs": 300,
    "batch_size": 128,
    "eval_every_epochs": 10,
}

# These ids must never change: stored rows are found by them.
PINNED = {
    "sgd, 4 bits": ({}, "87d3babae88bde54189d9ce06421af6a198cc980906e42d35d4eceb334aebe3d"),
    "adam, 2 bits": (
        {"optimizer": "adam", "lr": 0.001, "momentum": 0.0, "bits": 2},
        "24b7093fb7f4d9d7d1a410c5b131b30aae6143a507e97d89c789c78ffadddfdd",
    ),
    "full precision": (
        {"bits": 32, "width": 12, "depth": 4},
        "67717ab6f7f793002e34dab7b3bafca022b0c708e56166cf6d33ef60316b90b3",
    ),
    "seed 1": ({"seed": 1}, "efe80789fecb55652f8abb903fd6c431f5d8f9b6768d881627850013c87077c0"),
    "digits": (
        {"dataset": "digits", "augmentation": "none", "base_width": 4, "epochs": 30},
        "d16876a270995384e060291b8a3c83e64c7f79eb7c6a28fa0a09a0a129764594",
    ),
}


# What rows of earlier versions do not have: another neutral value would be another run by the same id.
NEUTRAL = {
    "lr_decay": "steps", "act_bits": 32, "act_grad_scale": "sample", "quantize_images": False, "pact_alpha": 0.0,
    "tempering_c": 0.0, "tempering_k": 0.0, "diffq_noise": "none", "rule": "plain", "rho": 0.0, "saq_case": 0,
    "grad_source": "quantized", "combine": "sum", "tau": 1, "beta": 0.0, "efficient_norms": "all",
    "perturb_biases": False, "perturb_norms": False, "perturb_clips": False, "bn_statistics": "first", "m_sharpness": 0,
    "initial_weights": "random", "teacher": "none", "teacher_model": "", "teacher_labels": "live",
    "soft_label_classes": 0, "temperature": 1.0, "hard_label_share": 0.0, "crops": 1, "crop_pool": 0,
    "bin_regularization": 0.0, "bin_regularization_start": 0.0,
}  # fmt: skip


def test_neutral_values_never_change() -> None:
    assert {name: UNLESS[name] for name in NEUTRAL} == NEUTRAL


@pytest.mark.parametrize("name", PINNED)
def test_pinned_run_ids(name: str) -> None:
    changes, run_id = PINNED[name]
    assert make_run(QGEN | changes).run_id == run_id


def test_the_id_is_that_of_the_whole_science_config() -> None:
    values = json.loads(canonical_json(tiny_run()))
    assert set(values) == set(RUN_FIELDS) - set(UNLESS)
    assert " " not in canonical_json(tiny_run())
    assert json.loads(canonical_json(tiny_run(act_bits=8))) == values | {"act_bits": 8}


OTHER = {
    "dataset": "other", "data_sha256": "x", "train_subset": 3, "test_subset": 3, "augmentation": "crop",
    "base_width": 3, "width": 3, "depth": 3, "bits": 8, "first_last": "8", "step_size_weight_decay": True,
    "optimizer": "rmsprop", "lr": 0.2, "weight_decay": 0.3, "momentum": 0.5, "epochs": 4, "batch_size": 32,
    "milestones": [2], "lr_gamma": 0.5, "eval_every_epochs": 2, "eval_every_epochs_late": 2, "precision": "bf16",
    "seed": 7, "act_bits": 8, "lr_decay": "cosine", "model": "resnet20", "initial_weights": f"run:{'a' * 64}",
    "teacher": f"file:{'a' * 64}",
}  # fmt: skip
LSQ_ACTS = {"act_bits": 4}
# Quantizer that reads it, and two values.
OF_QUANTIZERS: dict[str, tuple[str, object, object]] = {
    "act_grad_scale": ("lsq", "batch", "sample"),
    "quantize_images": ("lsq_plus", True, False),
    "pact_alpha": ("dorefa_pact", 3.0, 10.0),
    "tempering_c": ("noise_tempering", 0.3, 0.2),
    "tempering_k": ("noise_tempering", 20.0, 50.0),
    "diffq_noise": ("diffq", "uniform", "normal"),
    "bin_regularization": ("lsq_plus", 0.01, 0.0),
    "bin_regularization_start": ("vvtq", 0.25, 0.5),
}
SAQ = {"rule": "saq", "saq_case": 2, "rho": 0.1, "tau": 4, "beta": 0.7}
# Two values of what the rule saq reads.
OF_RULES: dict[str, tuple[object, object]] = {
    "rho": (0.1, 0.2), "saq_case": (1, 2), "grad_source": ("quantized", "full_precision"),
    "combine": ("sum", "perturbed"), "tau": (1, 4), "beta": (0.7, 0.5), "efficient_norms": ("all", "tensor"),
    "perturb_biases": (False, True), "perturb_norms": (False, True), "perturb_clips": (False, True),
    "bn_statistics": ("first", "both"), "m_sharpness": (0, 32),
}  # fmt: skip
OF_TEACHERS = {
    "teacher_model": "resnet20", "teacher_labels": "cached", "soft_label_classes": 5, "temperature": 2.0,
    "hard_label_share": 0.5,
}  # fmt: skip
OF_CROPS = {"crops": 2, "crop_pool": 4}
OF_ACTS = ("act_grad_scale", "quantize_images", "pact_alpha")


@pytest.mark.parametrize("name", OTHER)
def test_every_hyperparameter_is_part_of_the_id(name: str) -> None:
    assert tiny_run(**{name: OTHER[name]}).run_id != tiny_run().run_id


def test_all_hyperparameters_are_tested() -> None:
    assert {*OTHER, *OF_QUANTIZERS, *OF_RULES, *OF_TEACHERS, *OF_CROPS} == set(RUN_FIELDS) - {"quantizer", "rule"}


@pytest.mark.parametrize("name", OF_TEACHERS)
def test_a_hyperparameter_of_distillation_is_part_of_the_id_with_a_teacher_only(name: str) -> None:
    with_teacher = {"teacher": OTHER["teacher"], "augmentation": "none"}
    assert tiny_run(**with_teacher, **{name: OF_TEACHERS[name]}).run_id != tiny_run(**with_teacher).run_id
    assert tiny_run(**{name: OF_TEACHERS[name]}).run_id == tiny_run().run_id


@pytest.mark.parametrize("name", OF_CROPS)
def test_crops_are_part_of_the_id_where_they_differ(name: str) -> None:
    crops = {"augmentation": "crop", "epochs": 4, name: OF_CROPS[name]}
    assert tiny_run(**crops).run_id != tiny_run(**crops | {name: UNLESS[name]}).run_id
    assert tiny_run(augmentation="none", crop_pool=4).run_id == tiny_run(augmentation="none").run_id


def test_every_quantizer_is_part_of_the_id() -> None:
    assert len({run.run_id for run in EACH_QUANTIZER.values()}) == len(EACH_QUANTIZER)
    assert set(EACH_QUANTIZER) == set(parts_of(Quantizer))


@pytest.mark.parametrize("name", OF_QUANTIZERS)
def test_a_hyperparameter_of_other_quantizers_is_not_part_of_the_id(name: str) -> None:
    quantizer, value, other = OF_QUANTIZERS[name]
    settings = {"quantizer": quantizer, "tempering_c": 0.2, "bin_regularization": 0.01}
    settings |= LSQ_ACTS if name in OF_ACTS else {}
    settings.pop(name, None)
    assert tiny_run(**settings, **{name: value}).run_id != tiny_run(**settings, **{name: other}).run_id
    assert tiny_run(quantizer="dorefa", **{name: value}).run_id == tiny_run(quantizer="dorefa").run_id


@pytest.mark.parametrize(
    ("given", "same"),
    [
        ({"act_bits": 32, "act_grad_scale": "batch", "quantize_images": True}, {}),
        ({"quantizer": "dorefa_pact", "pact_alpha": 3}, {"quantizer": "dorefa"}),
        ({"quantizer": "dorefa_pact", "bits": 32, **ACTS}, {"quantizer": "pact", "bits": 32, **ACTS}),
        ({"quantizer": "noise_tempering", "bits": 32, "tempering_c": 1, **LSQ_ACTS}, {"bits": 32, **LSQ_ACTS}),
        ({"quantizer": "noise_tempering", "tempering_k": 5}, {"quantizer": "noise_tempering", "tempering_k": 50}),
        ({"quantizer": "dorefa", "step_size_weight_decay": True}, {"quantizer": "dorefa"}),
        ({"quantizer": "saq", "act_bits": 4, "quantize_images": True}, {"quantizer": "saq", "act_bits": 4}),
        ({"quantizer": "pact", "bits": 32, "pact_alpha": 10}, {"bits": 32}),
    ],
)
def test_what_a_quantizer_does_not_use_is_not_part_of_its_id(given: dict[str, Any], same: dict[str, Any]) -> None:
    assert tiny_run(**given) == tiny_run(**same)


@pytest.mark.parametrize("name", OF_RULES)
def test_what_a_rule_reads_is_part_of_its_id_alone(name: str) -> None:
    one, other = ({name: value} for value in OF_RULES[name])
    assert tiny_run(**SAQ | one).run_id != tiny_run(**SAQ | other).run_id
    assert tiny_run(**one).run_id == tiny_run(**other).run_id == tiny_run().run_id


def test_every_rule_is_part_of_the_id() -> None:
    rules = parts_of(Rule)
    assert len({tiny_run(**SAQ | {"rule": rule}).run_id for rule in rules}) == len(rules)


@pytest.mark.parametrize(
    ("given", "same"),
    [
        ({"rule": "sam", "combine": "mean", "saq_case": 3}, {"rule": "sam"}),
        ({"tau": 1, "beta": 0.5, "efficient_norms": "tensor"}, {"tau": 1}),
        ({"m_sharpness": 64}, {}),  # the batch
        ({"bits": 32, "saq_case": 1}, {"bits": 32, "saq_case": 3}),
        ({"bits": 32, "grad_source": "full_precision", "perturb_clips": True}, {"bits": 32}),
        ({"quantizer": "dorefa", "perturb_clips": True}, {"quantizer": "dorefa"}),
    ],
)
def test_what_a_rule_does_not_use_is_not_part_of_its_id(given: dict[str, Any], same: dict[str, Any]) -> None:
    assert tiny_run(**SAQ | given) == tiny_run(**SAQ | same)


@pytest.mark.parametrize("quantizer", ["lsq", "saq", "noise_tempering", "pact"])
def test_learned_parameters_of_quantizers_can_be_perturbed(quantizer: str) -> None:
    changes = {"quantizer": quantizer} | ({"bits": 32, **ACTS} if quantizer == "pact" else {})
    assert tiny_run(**SAQ, **changes, perturb_clips=True).perturb_clips


def test_a_run_of_an_earlier_version_reads_as_one_of_today() -> None:
    earlier = {name: getattr(tiny_run(), name) for name in RUN_FIELDS if name not in UNLESS}
    assert RunConfig(**earlier) == make_run(earlier) == tiny_run()


@pytest.mark.parametrize(
    ("changes", "can_join"),
    [
        ({}, True),
        ({"bits": 32}, True),
        ({"act_bits": 8}, False),
        ({"quantizer": "dorefa"}, False),
        ({"optimizer": "adamw", "momentum": 0.0}, False),
        ({"optimizer": "adam", "momentum": 0.0}, True),
        ({"rule": "sam"}, False),
        ({"rho": 0.1}, True),
        ({"initial_weights": OTHER["initial_weights"]}, False),
        ({"teacher": OTHER["teacher"]}, False),
        ({"augmentation": "crop", "crops": 2}, False),
        ({"augmentation": "crop", "crop_pool": 2}, False),
        ({"bin_regularization": 0.01}, False),
        ({"augmentation": "resized_crop_flip"}, True),
    ],
)
def test_the_array_engine_knows_nin_with_lsq_weights(changes: dict[str, object], can_join: bool) -> None:
    assert can_join_array(tiny_run(**changes)) == can_join


def test_what_full_precision_does_not_use_is_not_part_of_its_id() -> None:
    plain = tiny_run(bits=32)
    assert tiny_run(bits=32, first_last="fp", step_size_weight_decay=True).run_id == plain.run_id
    assert (plain.quantizer, plain.first_last) == ("none", "b")


@pytest.mark.parametrize(
    ("given", "same"),
    [
        ({"lr": 1}, {"lr": 1.0}),
        ({"lr": "1e-1"}, {"lr": 0.1}),
        ({"weight_decay": 0}, {"weight_decay": 0.0}),
    ],
)
def test_equal_values_written_differently_are_one_run(given: dict[str, object], same: dict[str, object]) -> None:
    assert tiny_run(**given) == tiny_run(**same)
    assert tiny_run(**given).run_id == tiny_run(**same).run_id


@pytest.mark.parametrize(
    ("epochs", "given", "expected"),
    [(300, "thirds", (100, 200)), (10, "thirds", (3, 6)), (2, "thirds", (1,)), (1, "thirds", ()), (9, [4], (4,))],
)
def test_milestones(epochs: int, given: object, expected: tuple[int, ...]) -> None:
    assert tiny_run(epochs=epochs, milestones=given).milestones == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bits": 1}, r"bits=1: allowed are 2 to 8 .* and 32 for full precision"),
        ({"bits": 16}, r"bits=16: allowed"),
        ({"bits": True}, r"bits=True: allowed"),
        (
            {"bits": 4, "quantizer": "none"},
            r"bits=4 needs a quantizer: allowed are diffq, dorefa, dorefa_pact, lsq, ",
        ),
        ({"act_bits": 4, "bits": 32, "quantizer": "none"}, r"act_bits=4 needs a quantizer: allowed are diffq, .*lsq"),
        ({"act_bits": 9}, r"act_bits=9: allowed are 2 to 8"),
        ({"quantizer": "lsqq"}, r"quantizer=lsqq: allowed are diffq, .*lsq, .*; did you mean lsq\?"),
        (
            {"quantizer": "pact"},
            r"bits=4 with quantizer=pact, which does not quantize weights: allowed is bits=32",
        ),
        ({"quantizer": "diffq", "act_bits": 4}, r"act_bits=4 with quantizer=diffq, .* activations: .* lsq, .*pact"),
        ({"quantizer": "dorefa_pact", "act_bits": 4}, r"pact_alpha=0 with quantizer=dorefa_pact: allowed is a number"),
        ({"quantizer": "diffq"}, r"diffq_noise=none with quantizer=diffq: allowed are normal, uniform"),
        ({"bin_regularization": 1, "bin_regularization_start": 1}, r"start=1.0: allowed is a share .* to below 1"),
        (
            {"initial_weights": "trained"},
            r"initial_weights=trained: allowed are random, full_precision, pretrained, file",
        ),
        ({"initial_weights": "run:xyz"}, r"initial_weights=run:xyz: allowed are random"),
        ({"teacher": "random"}, r"teacher=random: allowed are none, full_precision"),
        ({"teacher": "full_precision"}, r"teacher=full_precision: which weights that are depends on a results direct"),
        ({"teacher": OTHER["teacher"], "hard_label_share": 1}, r"hard_label_share=1.0: allowed is a number from 0 to"),
        (
            {"teacher": OTHER["teacher"], "teacher_labels": "cached", "augmentation": "crop"},
            r"teacher_labels=cached with crop_pool=0: every epoch has new crops",
        ),
        (
            {"teacher": OTHER["teacher"], "teacher_model": "wide_resnet"},
            r"teacher_model=wide_resnet: a file does not say its width, depth; give such a teacher as a run",
        ),
        ({"crops": 2}, r"crops=2 with augmentation=none: all crops of an image would be the same"),
        ({"crops": 3, "augmentation": "crop"}, r"crops=3: batch_size=64 is no multiple of it"),
        ({"crops": 4, "augmentation": "crop"}, r"crops=4: the last 4 epochs have one crop .* allowed are more than 4"),
        ({"crops": 2, "crop_pool": 3, "augmentation": "crop"}, r"crop_pool=3: allowed are 0 and multiples of crops=2"),
        ({"diffq_noise": "laplace"}, r"diffq_noise=laplace: allowed are none, normal, uniform"),
        ({"tempering_c": -1}, r"tempering_c=-1: allowed is a number from 0"),
        ({"act_grad_scale": "layer"}, r"act_grad_scale=layer: allowed are sample, batch"),
        ({"depth": 0}, r"depth=0: allowed is a whole number from 1 up"),
        ({"depth": 2.5}, r"depth=2.5: allowed is a whole number from 1 up"),
        ({"width": "wide"}, r"width=wide: allowed is a whole number"),
        ({"optimizer": "adm"}, r"optimizer=adm: allowed are adam, adamw, rmsprop, sgd; did you mean adam\?"),
        ({"lr": 0}, r"lr=0: allowed is a number above 0"),
        ({"lr": float("nan")}, r"lr=nan: allowed is a number above 0"),
        ({"lr": "fast"}, r"lr=fast: allowed is a number above 0"),
        ({"lr": None}, r"lr=None: allowed is a number above 0"),
        ({"weight_decay": -1}, r"weight_decay=-1: allowed is a number from 0"),
        ({"optimizer": "adam"}, r"momentum=0.9 with optimizer=adam: only rmsprop, sgd have it; give momentum=0"),
        ({"milestones": "halves"}, r"milestones=halves: allowed are thirds, or a list"),
        ({"milestones": [3, 2]}, r"milestones=\[3, 2\]: epochs must rise"),
        ({"milestones": [0]}, r"milestones=0: allowed is a whole number from 1 up"),
        ({"seed": -1}, r"seed=-1: allowed is a whole number from 0 to 2147483647"),
        ({"model": "resnet"}, r"model=resnet: allowed are cifar_resnet18, cifar_resnet50, .*; did you mean resnet\d+"),
        ({"model": "wide_resnet", "depth": 7}, r"depth=7: wide_resnet can have 10, 16 and so on, in steps of 6"),
        ({"first_last": 4}, r"first_last=4: allowed are b, 8, fp"),
        ({"step_size_weight_decay": "yes"}, r"step_size_weight_decay=yes: allowed are true, false"),
        ({"rule": "sams"}, r"rule=sams: allowed are plain, sam, saq; did you mean sam\?"),
        ({"rule": "saq"}, r"saq_case=0 with rule=saq: allowed are 1, 2, 3"),
        (SAQ | {"saq_case": 4}, r"saq_case=4: allowed is a whole number from 0 to 3"),
        (
            SAQ | {"saq_case": 3, "grad_source": "full_precision"},
            r"grad_source=full_precision with saq_case=3, .*: allowed is grad_source=quantized, or saq_case=1 or 2",
        ),
        (SAQ | {"rho": -1}, r"rho=-1: allowed is a number from 0"),
        (SAQ | {"tau": 0}, r"tau=0: allowed is a whole number from 1 up"),
        (SAQ | {"m_sharpness": 2}, r"m_sharpness=2: allowed are 0 for the whole batch, or 3 images and more"),
        (
            SAQ | {"bn_statistics": "both", "precision": "fp16"},
            r"bn_statistics=both with precision=fp16: .*; allowed is bn_statistics=first, or another precision",
        ),
        ({"dataset": "a/b"}, r"dataset='a/b': a data set needs a name without slashes"),
    ],
)
def test_impossible_values(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        tiny_run(**changes)


SETTINGS = {
    "results_dir": "r", "device": "cpu", "engine": "auto", "kernels": "torch", "array_size": 0, "gpu_memory_gb": 0,
    "workers": 2, "threads": 1, "processes_per_run": 1, "decode_workers": 4, "pack_minutes": 10,
    "checkpoint_seconds": 60, "initial_weights_file": "", "teacher_file": "", "keep_weights": False,
    "dry_run": False, "rerun": "missing", "max_attempts": 3, "snapshot": False, "wait": True,
    "max_out_of_memory": 2, "max_timeouts": 100, "max_preemptions": 100, "max_node_losses": 10,
    "claim_timeout_s": 120,
    "stop_after_same_error": 5,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"device": "gpu"}, "device=gpu: allowed are auto, cpu, cuda"),
        ({"processes_per_run": 0}, "processes_per_run=0: allowed is a whole number from 1"),
        ({"decode_workers": -1}, "decode_workers=-1: allowed is a whole number from 0"),
        ({"workers": -1}, "workers=-1: allowed is a whole number from 0"),
        ({"engine": "arrays"}, "engine=arrays: allowed are auto, plain, array; did you mean array?"),
        ({"array_size": 1.5}, "array_size=1.5: allowed is a whole number from 0"),
        ({"gpu_memory_gb": -1}, "gpu_memory_gb=-1: allowed is a number from 0"),
        ({"checkpoint_seconds": 0}, "checkpoint_seconds=0: allowed is a number above 0"),
        ({"rerun": "all"}, "rerun=all: allowed are missing, stale"),
        ({"keep_weights": 1}, "keep_weights=1: allowed are true, false"),
    ],
)
def test_impossible_settings(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_settings(SETTINGS | changes, study="")


def test_settings_are_read() -> None:
    settings = make_settings(SETTINGS, study="qgen")
    assert dataclasses.asdict(settings) == SETTINGS | {"study": "qgen"}
