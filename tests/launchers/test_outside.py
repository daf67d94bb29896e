"""To add a launcher: one module of `hydra_plugins`, here outside of this checkout, where Hydra itself finds it."""

from pathlib import Path

import pandas as pd

from tests.outside.commands import TINY, run

LAUNCHER = """
from collections import deque

from hydra.core.config_store import ConfigStore

from launchers.launch import Launch
from launchers.plan_launcher import Ended, PlanLauncher
from sweep.config.checks import ConfigError
from sweep.worker.causes import KILLED
from sweep.worker.job import work_on


class InThisProcess(PlanLauncher):
    def check(self, settings):
        if settings.workers > 1:
            raise ConfigError(f"workers={settings.workers}: one process has one worker")

    def device(self, settings):
        return "cpu"

    def describe(self, tasks, settings):
        return ["in this process"]

    def workers(self, settings):
        return 1

    def launch_tasks(self, tasks, settings, sweep_dir, project, listener=None, elsewhere=()):
        launch = Launch(tasks, settings, sweep_dir, project, 1, OnePack(sweep_dir.path), listener, elsewhere)
        launch.submit(tasks)
        return launch.follow()


class OnePack:
    def __init__(self, folder):
        self._folder, self._waiting, self._ended = folder, deque(), []

    def submit(self, packs):
        self._waiting += packs

    def advance(self):
        packs = [self._waiting.popleft()] if self._waiting else []
        for pack in packs:
            work_on(pack)
        self._ended = [Ended(pack, KILLED, self._folder) for pack in packs]

    def ended(self):
        return self._ended

    def finish(self, pack):
        pass

    def summary(self):
        return ""

    def interrupt(self):
        pass

    def way_on(self):
        return "the same command goes on"

    def stop(self):
        pass


ConfigStore.instance().store(
    group="hydra/launcher", name="here", node={"_target_": "hydra_plugins.in_this_process.InThisProcess"}
)
"""


def test_a_launcher_from_outside_trains_a_sweep(tmp_path: Path) -> None:
    plugins = tmp_path / "elsewhere" / "hydra_plugins"
    plugins.mkdir(parents=True)
    (plugins / "in_this_process.py").write_text(LAUNCHER)
    results_dir = tmp_path / "results"
    asked = (*TINY, "hydra/launcher=here", f"results_dir={results_dir}")
    first = run("sweep.run", "-m", *asked, parts=plugins.parent)
    assert first.returncode == 0 and "in this process" in first.stdout, first.stdout + first.stderr
    assert pd.read_parquet(results_dir / "rows")["status"].tolist() == ["finished"]
    assert "nothing to do" in run("sweep.run", "-m", *asked, parts=plugins.parent).stdout
    refused = run("sweep.run", "-m", *asked, "workers=2", parts=plugins.parent)
    assert refused.returncode == 1 and "workers=2: one process has one worker" in refused.stderr, refused.stderr
