"""Files of conf/ against what reads them."""

import yaml
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from sweep import PROJECT
from sweep.commands.defaults import register_defaults
from sweep.config.measuring import MEASURE_FIELDS, MeasureConfig, make_measure_config
from sweep.distort import COMMAND as DISTORT
from sweep.measure import COMMAND as MEASURE
from sweep.run import COMMAND as RUN


def test_every_key_of_conf_is_read() -> None:
    used = {*RUN.keys, *MEASURE.keys, *DISTORT.keys, "measure", "select", "defaults", "hydra", "table"}
    for path in (PROJECT / "conf").glob("**/*.yaml"):
        if path.parent.name not in ("grid", "launcher", "sweeper"):
            assert set(yaml.safe_load(path.read_text())) <= used, path


def test_hydra_has_every_measure_setting_at_its_default() -> None:
    register_defaults()
    conf = ConfigStore.instance().load("measure_settings.yaml").node["measure"]
    assert tuple(conf) == MEASURE_FIELDS
    assert make_measure_config(OmegaConf.to_container(conf)) == MeasureConfig()
