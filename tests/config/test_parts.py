"""Every part that is declared, and what is derived of declarations."""

import pytest

from sweep.commands.defaults import CONF, neutral_values
from sweep.config.checks import ConfigError
from sweep.config.chosen import ALL_PARTS, OF_PARTS, PART_CLASSES
from sweep.config.part_classes import Rule
from sweep.config.parts import REQUIRED, Hyperparameter, Part, hyperparameters_of, part_of, parts_of
from sweep.config.run import HYPERPARAMETERS, RUN_FIELDS, UNLESS, make_run
from tests.conftest import TINY
from tests.defaults_of import defaults_of, written

GROUPS = [part_class for part_class in PART_CLASSES if (CONF / part_class.key).is_dir()]
IN_GROUPS = [(part_class.key, part) for part_class in GROUPS for part in parts_of(part_class).values()]


@pytest.mark.parametrize("name", [name for name, own in HYPERPARAMETERS.items() if own.neutral is not REQUIRED])
def test_a_neutral_value_is_allowed_and_of_the_declared_type(name: str) -> None:
    own = HYPERPARAMETERS[name]
    assert own.check(own.neutral) == own.neutral and type(own.neutral) is own.type


def test_every_hyperparameter_of_a_part_has_a_neutral_value() -> None:
    assert not [name for name, own in OF_PARTS.items() if own.neutral is REQUIRED]
    assert set(OF_PARTS) < set(RUN_FIELDS)
    assert set(UNLESS) < set(neutral_values())


@pytest.mark.parametrize("part_class", GROUPS, ids=lambda each: each.key)
def test_every_file_of_a_config_group_is_a_part(part_class: type[Part]) -> None:
    assert {path.stem for path in (CONF / part_class.key).glob("*.yaml")} <= set(parts_of(part_class))


@pytest.mark.parametrize(("key", "part"), IN_GROUPS, ids=lambda value: getattr(value, "name", value))
def test_a_file_says_only_what_differs(key: str, part: Part) -> None:
    values = written(key, part.name)
    assert values.pop(key, part.name) == part.name
    assert not {name: value for name, value in values.items() if value == neutral_values().get(name, REQUIRED)}
    of_others = OF_PARTS.keys() - {own.name for own in part.reads}
    assert not of_others & values.keys()


@pytest.mark.parametrize("name", parts_of(Rule))
def test_the_defaults_of_a_rule_make_a_run(name: str) -> None:
    values = TINY | {"batch_size": 256} | written("rule", name) | {"rule": name, "tau": 4}
    run = make_run(values)
    assert {own.name: getattr(run, own.name) for own in part_of(Rule, name).reads} == {
        own.name: (defaults_of("rule", name) | {"tau": 4})[own.name] for own in part_of(Rule, name).reads
    }


@pytest.mark.parametrize("part", ALL_PARTS, ids=lambda part: part.name)
def test_a_part_says_what_it_is(part: Part) -> None:
    assert part.meaning
    assert all(own.meaning for own in part.reads)


GAIN = Hyperparameter("gain", float, "of the step", neutral=1.0, low=0)


@pytest.mark.parametrize(
    ("own", "value", "message"),
    [
        (GAIN, -1, r"gain=-1: allowed is a number from 0$"),
        (Hyperparameter("share", float, "", low=0, high=1), 2, r"share=2: allowed is a number from 0 to 1$"),
        (Hyperparameter("count", int, "", low=1), 1.5, r"count=1.5: allowed is a whole number from 1 up$"),
        (Hyperparameter("sizes", tuple[int, ...], "", low=1), [1, 0], r"sizes=0: allowed is a whole number from 1 up$"),
        (Hyperparameter("sizes", tuple[int, ...], "", low=1), "1", r"sizes=1: allowed is a list, each a whole number"),
        (Hyperparameter("is_on", bool, ""), 1, r"is_on=1: allowed are true, false$"),
        (Hyperparameter("way", str, "", choices=("up", "down")), "upp", r"way=upp: .* up, down; did you mean up\?$"),
    ],
)
def test_a_value_that_cannot_be(own: Hyperparameter, value: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        own.check(value)


def test_one_name_declared_in_two_ways() -> None:
    one, other = (
        Part("a", "", (GAIN,), module="pkg.a"),
        Part("b", "", (Hyperparameter("gain", int, ""),), module="pkg.b"),
    )
    with pytest.raises(ConfigError, match=r"gain is declared in pkg\.a and in pkg\.b, and not alike"):
        hyperparameters_of([one, other])
    assert hyperparameters_of([one, one]) == {"gain": GAIN}


def test_a_missing_value_says_what_it_is() -> None:
    with pytest.raises(ConfigError, match="epochs needs a value: passes over the training set"):
        make_run({name: value for name, value in TINY.items() if name != "epochs"})
