"""A rule is a line in the table of sweep/config/rules.py and a file in conf/: they must agree."""

import pytest
import yaml

from sweep import PROJECT
from sweep.config.rules import QUANTIZED_ONLY, RULE_FIELDS, RULE_PARSERS, RULES
from sweep.config.run import UNLESS, make_run
from tests.conftest import TINY

FILES = {path.stem: yaml.safe_load(path.read_text()) for path in (PROJECT / "conf" / "rule").glob("*.yaml")}


def test_every_file_is_a_rule_with_what_it_reads() -> None:
    assert {name: set(values) for name, values in FILES.items()} == {
        name: {"rule", *read} for name, read in RULES.items()
    }


@pytest.mark.parametrize("name", RULES)
def test_its_defaults_make_a_run(name: str) -> None:
    run = make_run(TINY | {"batch_size": 256} | FILES[name] | {"tau": 4})
    assert {field: getattr(run, field) for field in RULES[name]} == {
        field: FILES[name][field] for field in RULES[name]
    } | ({"tau": 4} if name != "plain" else {})


def test_every_field_has_a_parser_and_a_neutral_value_that_it_takes() -> None:
    assert set(RULE_FIELDS) == set(RULE_PARSERS) >= set(QUANTIZED_ONLY)
    for name in RULE_FIELDS:
        assert RULE_PARSERS[name](name, UNLESS[name]) == UNLESS[name]
