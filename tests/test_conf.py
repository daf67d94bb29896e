"""Files of conf/ against what reads them."""

import yaml

from sweep import PROJECT
from sweep.config.measuring import MEASURE_FIELDS, MeasureConfig, make_measure_config
from sweep.distort import COMMAND as DISTORT
from sweep.measure import COMMAND as MEASURE
from sweep.run import COMMAND as RUN


def test_every_key_of_conf_is_read() -> None:
    used = {*RUN.keys, *MEASURE.keys, *DISTORT.keys, "measure", "select", "defaults", "hydra", "table"}
    for path in (PROJECT / "conf").glob("**/*.yaml"):
        if path.parent.name not in ("grid", "launcher", "sweeper"):
            assert set(yaml.safe_load(path.read_text())) <= used, path


def test_conf_has_every_measure_setting_at_its_default() -> None:
    conf = yaml.safe_load((PROJECT / "conf" / "measure.yaml").read_text())["measure"]
    assert tuple(conf) == MEASURE_FIELDS
    assert make_measure_config(conf) == MeasureConfig()
