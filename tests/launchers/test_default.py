"""Which launcher is the default: SLURM's where a controller answers, else the local one, which says why."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from launchers.slurm import commands
from sweep.commands.plugins import with_default_launcher
from sweep.config.checks import ConfigError
from tests.cluster.cluster import SlurmCluster, missing_packages
from tests.cluster.daemon import find_program
from tests.launchers.programs import install
from tests.sweeps import SMALL

SLURM = "hydra/launcher=slurm"
SAYS = "SLURM does not answer"
UP = "echo 'Slurmctld(primary) at head is UP'"
BACKUP = "echo 'Slurmctld(primary) at head is DOWN'; echo 'Slurmctld(backup) at spare is UP'; exit 1"
SILENT = {
    "exec /bin/sleep 60": "scontrol did not answer within 0.3 s",
    "/bin/sleep 60": "scontrol did not answer within 0.3 s",  # a child of the shell holds the pipe
    "echo 'Slurmctld(primary) at head is DOWN'; echo '****'; exit 1": "Slurmctld(primary) at head is DOWN",
    "echo 'scontrol: error: no host'; exit 1": "scontrol: error: no host",
    "echo 'scontrol: error: no host' >&2; echo 'scontrol: fatal: no source' >&2; exit 1": "scontrol: fatal: no source",
    "exit 7": "scontrol ping exited with 7",
    "exit 0": "scontrol ping exited with 0",
}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of programs; we are in no job."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setattr(commands, "PING_TIMEOUT_S", 0.3)
    return tmp_path / "bin"


def test_without_sbatch_nothing_is_asked_or_said(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(path, scontrol=f"{UP}; echo asked >{path / 'asked'}")
    assert with_default_launcher(["-m", "bits=2"]) == ["-m", "bits=2"]
    assert capsys.readouterr() == ("", "") and not (path / "asked").exists()


@pytest.mark.parametrize(("scontrol", "why"), SILENT.items())
def test_a_cluster_that_does_not_answer_leaves_runs_local_and_is_named(
    scontrol: str, why: str, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(path, sbatch="exit 1", scontrol=scontrol)
    started = time.monotonic()
    assert with_default_launcher(["-m", "bits=2"]) == ["-m", "bits=2"]
    assert time.monotonic() - started < 5
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"{path / 'sbatch'} is here, but SLURM does not answer ({why}): runs are local; "
        f"hydra/launcher=slurm insists on SLURM, hydra/launcher=local does not ask"
    )


def test_without_scontrol(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(path, sbatch="exit 1")
    assert with_default_launcher([]) == []
    assert "SLURM does not answer ([Errno 2] No such file or directory: 'scontrol')" in capsys.readouterr().err


@pytest.mark.parametrize("scontrol", [UP, BACKUP])
def test_a_cluster_that_answers_is_taken(scontrol: str, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(path, sbatch="exit 1", scontrol=scontrol)
    assert with_default_launcher(["-m", "bits=2", "seed=0"]) == ["-m", SLURM, "bits=2", "seed=0"]
    assert with_default_launcher(["-m", "hydra.launcher.partition=gpu"])[1] == SLURM
    assert capsys.readouterr() == ("", "")


def test_inside_a_job_nothing_is_asked_and_the_choice_is_said(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Keys of the SLURM launcher are no error there; where they are not used, that is said, too."""
    install(path, sbatch="exit 1", scontrol=f"{UP}; echo asked >{path / 'asked'}")
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    assert with_default_launcher(["bits=2"]) == ["bits=2"]
    said = "inside SLURM's job 17: runs are local, on what the job has; hydra/launcher=slurm submits from here"
    assert capsys.readouterr().err == f"{said}\n"
    keys = ["hydra.launcher.partition=gpu", "+hydra.launcher.extra.licenses='a b'"]
    assert with_default_launcher(["-m", keys[0], "bits=2", keys[1]]) == ["-m", "bits=2"]
    assert capsys.readouterr().err == f"{said}; not used: {shlex.join(keys)}\n"
    assert not (path / "asked").exists()
    assert with_default_launcher([SLURM, *keys]) == [SLURM, *keys]


def test_keys_of_slurm_where_there_is_none(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert with_default_launcher(["hydra.launcher.partition=gpu", "bits=2"]) == ["bits=2"]
    said = "no sbatch here: runs are local; not used: hydra.launcher.partition=gpu"
    assert path.exists() is False and capsys.readouterr().err == f"{said}\n"
    with pytest.raises(ConfigError, match="partition=gpu: the local launcher has no such key; say"):
        with_default_launcher(["hydra/launcher=local", "hydra.launcher.partition=gpu"])


@pytest.mark.parametrize(
    "choice",
    ["hydra/launcher=local", SLURM, "hydra/launcher=local,slurm", "+hydra/launcher=local", "~hydra/launcher",
     "++hydra/launcher=slurm", "hydra/launcher =local"],
)  # fmt: skip
@pytest.mark.parametrize("scontrol", [UP, "exit 1"])
def test_who_chooses_is_obeyed_and_nothing_asked(
    choice: str, scontrol: str, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(path, sbatch="exit 1", scontrol=f"echo asked >{path / 'asked'}; {scontrol}")
    for argv in (["-m", "bits=2", choice], ["-m", choice, "bits=2"]):
        assert with_default_launcher(argv) == argv
    assert capsys.readouterr() == ("", "") and not (path / "asked").exists()


@pytest.mark.parametrize("argv", [["hydra.launcher.partitoin=a"], [SLURM, "hydra.launcher.partitoin=a"]])
def test_a_key_that_the_launcher_does_not_have(argv: list[str], path: Path) -> None:
    install(path, sbatch="exit 1", scontrol=UP)
    with pytest.raises(ConfigError, match=r"partitoin=a: there is no such key; did you mean partition\? After"):
        with_default_launcher(argv)
    assert with_default_launcher(["hydra/launcher=mine", *argv[-1:]]) == ["hydra/launcher=mine", *argv[-1:]]


def test_settings_of_a_surrounding_job_are_not_asked_about(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SLURM_CLUSTERS would make scontrol ask another cluster than the one that we submit to."""
    settings = {"SLURM_CLUSTERS": "other", "SBATCH_PARTITION": "p", "SLURM_CONF": "/etc/there.conf"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    install(
        path, sbatch="exit 1", scontrol=f'echo "$SLURM_CLUSTERS,$SBATCH_PARTITION,$SLURM_CONF" >{path / "seen"}; {UP}'
    )
    assert with_default_launcher([]) == [SLURM]
    assert (path / "seen").read_text() == ",,/etc/there.conf\n"


def command(module: str, *arguments: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", f"sweep.{module}", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, env=dict(env))


def environment(**variables: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "SLURM_JOB_ID"} | variables


@pytest.fixture
def hanging(tmp_path: Path) -> dict[str, str]:
    """An environment with a SLURM that does not answer at all."""
    folder = install(tmp_path / "bin", sbatch="exec sleep 60", scontrol="exec sleep 60")
    return environment(PATH=f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_every_command_says_it_once(hanging: dict[str, str], tmp_path: Path) -> None:
    where = f"results_dir={tmp_path / 'r'}"
    single = command("run", *SMALL, where, "dry_run=true", env=hanging)
    assert single.returncode == 0 and "sweep " in single.stdout and " on cpu" in single.stdout, single.stderr
    sweep = command("run", "-m", "grid=demo", *SMALL, where, "dry_run=true", env=hanging)
    assert sweep.returncode == 0 and "36 runs" in sweep.stdout, sweep.stderr
    others = [command(name, where, "dry_run=true", env=hanging) for name in ("measure", "distort")]
    assert all("`python -m sweep.run` writes them" in done.stderr for done in others), [done.stderr for done in others]
    assert [done.stderr.count(SAYS) for done in (single, sweep, *others)] == [1] * 4
    assert [done.stdout.count(SAYS) for done in (single, sweep, *others)] == [0] * 4


def test_a_sweep_is_trained_here_where_nothing_answers(hanging: dict[str, str], tmp_path: Path) -> None:
    done = command("run", *SMALL, "epochs=1", f"results_dir={tmp_path / 'r'}", env=hanging)
    assert done.returncode == 0 and "1 of 1 runs done" in done.stdout, done.stdout + done.stderr
    assert done.stderr.count(SAYS) == 1


@pytest.mark.skipif(find_program("scontrol") is None, reason="needs SLURM's client commands")
@pytest.mark.parametrize("has_conf", [False, True])
def test_real_commands_without_a_controller(has_conf: bool, tmp_path: Path) -> None:
    """No slurm.conf; one whose controller is dead."""
    env, where = environment(SLURM_CONF=str(dead_conf(tmp_path, has_conf))), f"results_dir={tmp_path / 'r'}"
    started = time.monotonic()
    done = command("run", *SMALL, where, "dry_run=true", env=env)
    assert done.returncode == 0 and done.stderr.count(SAYS) == 1, done.stdout + done.stderr
    assert time.monotonic() - started < 30


@pytest.mark.skipif(find_program("scontrol") is None, reason="needs SLURM's client commands")
def test_who_insists_on_a_dead_controller_is_told_so_and_nothing_is_trained(tmp_path: Path) -> None:
    env, where = environment(SLURM_CONF=str(dead_conf(tmp_path))), f"results_dir={tmp_path / 'r'}"
    done = command("run", *SMALL, where, SLURM, env=env)
    assert done.returncode == 1 and "error: hydra/launcher=slurm: SLURM does not answer (" in done.stderr
    assert "hydra/launcher=local trains on this machine" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "r" / "rows").exists()


def dead_conf(folder: Path, is_there: bool = True) -> Path:
    """Of a cluster on a port where nobody listens."""
    conf = folder / "slurm.conf"
    if is_there:
        conf.write_text("ClusterName=lab\nSlurmctldHost=localhost(127.0.0.1)\nSlurmctldPort=9\nAuthType=auth/munge\n")
    return conf


def test_a_real_cluster_answers(slurm: SlurmCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing_packages() == []
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    for name, value in slurm.env.items():
        monkeypatch.setenv(name, value)
    assert commands.silence() == ""
    assert with_default_launcher(["bits=2"]) == [SLURM, "bits=2"]
    slurm.freeze_slurmctld()
    try:
        assert commands.silence() == "scontrol did not answer within 3 s"
    finally:
        slurm.thaw_slurmctld()
