"""The parameters of the SLURM launcher: what is allowed, what sbatch is told, and that every place says the same."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from launchers.slurm import limits
from launchers.slurm.launcher import SlurmLauncher
from launchers.slurm.parameters import (
    PARAMETERS,
    check_parameters,
    for_hydra,
    gpu_count,
    places,
    sbatch_options,
    sizes,
)
from sweep import PROJECT
from sweep.commands.keys import HYDRA
from sweep.config.checks import ConfigError
from sweep.config.settings import Settings
from tests.cluster.cluster import SlurmCluster
from tests.launchers.programs import install
from tests.plan.tasks import tasks

YAML = PROJECT / "conf" / "hydra" / "launcher" / "slurm.yaml"
DEFAULTS = {own.name: yaml.safe_load(own.default) for own in PARAMETERS}


@pytest.fixture(autouse=True)
def no_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SBATCH_")]:
        monkeypatch.delenv(name)


def options(**asked: Any) -> dict[str, Any]:
    return sbatch_options(check_parameters(DEFAULTS | asked))


def test_yaml_help_and_documentation_follow_the_declarations() -> None:
    described = [line.split("  # ") for line in YAML.read_text().splitlines()[2:]]
    assert [(head.strip(), meaning) for head, meaning in described] == [
        (f"{own.name}: {own.default}", own.meaning) for own in PARAMETERS
    ]
    assert {name: value for name, value in yaml.safe_load(YAML.read_text()).items() if name != "_target_"} == DEFAULTS
    page = (PROJECT / "docs" / "slurm.md").read_text().replace("\\|", "|")
    assert [own.name for own in PARAMETERS if f"| {own.name} | {own.default} | {own.meaning} |" not in page] == []
    assert {own.key for own in PARAMETERS} <= {key.name for key in HYDRA.keys}


def test_defaults() -> None:
    assert options() == {"gpus-per-node": "1", "cpus-per-task": 4, "time": 60, "signal": "USR2@120"}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"partition": ["a", "b"]}, {"partition": "a,b"}),
        ({"partition": "a,b"}, {"partition": "a,b"}),
        ({"nodelist": "node[1,3-4]"}, {"nodelist": "node[1,3-4]"}),
        ({"account": 123}, {"account": "123"}),
        ({"constraint": "[a&b|c*2]"}, {"constraint": "[a&b|c*2]"}),
        ({"gpus_per_task": "a100:2"}, {"gpus-per-node": "a100:2"}),
        ({"gpus_per_task": "a100"}, {"gpus-per-node": "a100"}),
        ({"gpus_per_task": "2"}, {"gpus-per-node": "2"}),
        ({"mem_gb": 16}, {"mem": "16384M"}),
        ({"mem_gb": 0.0101}, {"mem": "11M"}),  # never less than asked for: 0 is the whole node
        ({"nice": -5}, {"nice": -5}),
        ({"mail_user": "a@b.c", "mail_type": ["END", "FAIL"]}, {"mail-user": "a@b.c", "mail-type": "END,FAIL"}),
        ({"dependency": "afterok:1?afterok:2"}, {"dependency": "afterok:1?afterok:2"}),
        ({"extra": {"licenses": ["a", "b"], "exclusive": True, "hold": False, "gres": "nvme:1"}},
         {"licenses": "a,b", "exclusive": True, "gres": "nvme:1"}),
    ],
)  # fmt: skip
def test_what_sbatch_is_told(asked: dict[str, Any], told: dict[str, Any]) -> None:
    assert options(**asked) == options() | told


def test_tasks_without_gpus() -> None:
    assert "gpus-per-node" not in options(gpus_per_task=0)
    assert [gpu_count(asked) for asked in ("0", "3", "a100", "a100:2")] == [0, 3, 1, 2]


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("mem_gb", 0.0001, "allowed is a number from 0.01 to 1000000"),
        ("mem_gb", "16G", "allowed is a number from 0.01 to 1000000"),
        ("mem_gb", float("nan"), "allowed is a number from 0.01"),
        ("poll_s", 0, "allowed is a number from 0.5 to 3600"),
        ("time_min", 1, "allowed is a whole number from 2 up"),
        ("time_min", float("inf"), "allowed is a whole number from 2 up"),
        ("time_min", None, "a value is needed; the default is 60"),
        ("signal_delay_s", 0, "allowed is a whole number from 1 up"),
        ("cpus_per_task", "4x", "allowed is a whole number from 1 up"),
        ("gpus_per_task", "a100:0", "allowed is a whole number from 0 up, or TYPE:COUNT such as a100:1"),
        ("gpus_per_task", "a100:1:2", "allowed is a whole number from 0 up, or TYPE:COUNT"),
        ("gpus_per_task", -1, "allowed is a whole number from 0 up, or TYPE:COUNT"),
        ("partition", "a, b", "allowed are names, as .a,b. or a,b without blanks"),
        ("partition", "a,", "allowed are names"),
        ("partition", [], "allowed are names"),
        ("account", ["a"], "allowed is one text"),
        ("qos", True, "allowed is one text"),
        ("constraint", "a\nb", "a text without line breaks is needed"),
        ("setup", "a\nb", "a text without line breaks is needed"),
        ("nice", "low", "allowed is a whole number from -"),
    ],
)
def test_a_wrong_value_is_named_once_with_what_is_allowed(name: str, value: Any, allowed: str) -> None:
    with pytest.raises(ConfigError, match=f"^hydra.launcher.{name}=.*: {allowed}") as error:
        check_parameters(DEFAULTS | {name: value})
    assert len(str(error.value)) < 200


@pytest.mark.parametrize(
    ("option", "instead"),
    [
        ("job_name", "the launcher finds its tasks by it"),
        ("comment", "the launcher finds its tasks by it"),
        ("array", "say hydra.launcher.max_running_tasks"),
        ("output", "logs are in"),
        ("error", "logs are in"),
        ("time", "say hydra.launcher.time_min"),
        ("signal", "say hydra.launcher.signal_delay_s"),
        ("requeue", "say max_preemptions"),
        ("--open-mode", "logs are in"),
        ("wrap", "say hydra.launcher.setup"),
        ("export", "say hydra.launcher.setup='export NAME=VALUE'"),
        ("partition", "say hydra.launcher.partition"),
        ("mem", "say hydra.launcher.mem_gb"),
        ("J", "say the long name of the option"),
    ],
)
def test_options_that_are_the_launchers_own(option: str, instead: str) -> None:
    with pytest.raises(ConfigError, match=f"extra.{option}: this option is the launcher's own; {instead}"):
        options(extra={option: "x"})
    with pytest.raises(ConfigError, match=r"extra.gres: .*say hydra.launcher.gpus_per_task"):
        options(extra={"gres": "gpu:a100:1"})


def test_a_key_that_there_is_not() -> None:
    with pytest.raises(ConfigError, match=r"hydra.launcher.qoss: there is no such key; did you mean qos"):
        check_parameters(DEFAULTS | {"qoss": 1})


@pytest.mark.parametrize(
    ("name", "word", "said"),
    [
        ("partition", "hydra.launcher.partition=a,b", "hydra.launcher.partition='a,b'"),
        ("partition", "hydra.launcher.partition=[a,b]", "hydra.launcher.partition=[a,b]"),
        ("partition", "hydra.launcher.partition=gpu-a.1", "hydra.launcher.partition=gpu-a.1"),
        ("partition", "hydra.launcher.partition=null", "hydra.launcher.partition=null"),
        ("constraint", "hydra.launcher.constraint=[a|b]", "hydra.launcher.constraint='[a|b]'"),
        ("setup", "hydra.launcher.setup=export A='b c'", "hydra.launcher.setup='export A=\\'b c\\''"),
        ("setup", 'hydra.launcher.setup=["a b"]', 'hydra.launcher.setup=["a b"]'),
        ("setup", "hydra.launcher.setup='a b'", "hydra.launcher.setup='a b'"),
        ("mem_gb", "hydra.launcher.mem_gb=16G", "hydra.launcher.mem_gb=16G"),
    ],
)
def test_texts_need_no_quotes_on_a_command_line(name: str, word: str, said: str) -> None:
    assert for_hydra(name, word) == said


def test_variables_of_a_profile_stand_in_or_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PARTITION", "ACCOUNT", "EXPORT", "TIMELIMIT"):
        monkeypatch.setenv(f"SBATCH_{name}", "mine")
    asked = DEFAULTS | {"account": "asked"}
    values = check_parameters(asked)
    assert (values["partition"], values["account"]) == ("mine", "asked")
    assert places(values, asked) == (
        "partition mine (SBATCH_PARTITION), account asked (not obeyed: SBATCH_EXPORT, SBATCH_TIMELIMIT)"
    )
    assert sizes(values) == "60 min, 4 cores, the cluster's memory, 1 GPUs"


def test_a_results_dir_in_which_slurm_would_put_a_job_id() -> None:
    launcher = SlurmLauncher(**DEFAULTS)
    launcher.check(Settings(results_dir="/tmp/100%"))
    with pytest.raises(ConfigError, match=r"results_dir=/tmp/%j: SLURM .* in place of %j"):
        launcher.check(Settings(results_dir="/tmp/%j"))


SINFO = (
    "echo 'all*|n1|8|gpu:a100:4(S:0-1),nvme:1'; echo 'all*|n2|16|gpu:4'; "
    "echo 'big|n1|8|gpu:a100:4'; echo 'big|n3|64|(null)'"
)


@pytest.mark.parametrize(
    ("partition", "gpus", "gpu_type", "cpus", "room"),
    [
        (None, 1, "", 4, 8),
        (None, 3, "", 4, 2),
        (None, 1, "a100", 4, 4),
        (None, 0, "", 4, 6),
        (None, 9, "", 4, None),
        ("all,big", 0, "", 8, 11),  # n1 is in both and counts once
    ],
)
def test_how_many_tasks_the_nodes_hold(
    partition: str | None, gpus: int, gpu_type: str, cpus: int, room: int | None, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("PATH", f"{install(tmp_path / 'bin', sinfo=SINFO)}{os.pathsep}{os.environ['PATH']}")
    assert limits.capacity(partition, gpus, gpu_type, cpus) == room


def test_a_plan_says_where_it_will_be_and_the_cluster_what_it_says_of_it(
    slurm: SlurmCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in slurm.env.items():
        monkeypatch.setenv(name, value)
    launcher = SlurmLauncher(**DEFAULTS | {"partition": ["main", "grace"], "gpus_per_task": 2, "mem_gb": 2})
    settings = Settings(device="cuda", engine="plain", dry_run=True)
    assert launcher.workers(settings) == 8  # four nodes with four GPUs
    where, size, answer = launcher.describe(tasks([600.0] * 60), settings)
    assert where == "on SLURM: partition main,grace"
    assert size == (
        "60 tasks in 1 arrays, each 60 min, 4 cores, 2 GB, 2 GPUs: about 20 GPU-hours; its nodes hold 8 at a time"
    )
    assert "to start at" in answer and "in partition main" in answer
    refused = SlurmLauncher(**DEFAULTS | {"gpus_per_task": "a100:1"})
    with pytest.raises(ConfigError, match=r"SLURM would refuse the job: .*not available"):
        refused.describe(tasks([1.0]), settings)
    assert slurm.run("squeue", "--noheader") == ""
