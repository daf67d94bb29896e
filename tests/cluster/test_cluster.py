"""The private cluster treats jobs as a real SLURM does, and leaves nothing alive behind."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweep import PROJECT
from tests.cluster.cluster import (
    SlurmCluster,
    accounting_available,
    install_command,
    missing_accounting_packages,
    missing_packages,
)
from tests.cluster.conf import CRED_EXPIRE_S, MAX_FOLDER_LENGTH
from tests.cluster.daemon import pids_of
from tests.waiting import wait_until

# Ends only once 16 tasks run at the same time.
MEET_15_OTHERS = """
touch started-$SLURM_ARRAY_TASK_ID
while [ $(ls | grep -c started-) -lt 16 ]; do sleep 0.2; done
echo $SLURMD_NODENAME $CUDA_VISIBLE_DEVICES
"""


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Short enough for unix sockets, also where several processes share the tests."""
    return tmp_path_factory.mktemp("c")


@pytest.fixture
def cluster(slurm: SlurmCluster) -> Iterator[SlurmCluster]:
    yield slurm
    slurm.cancel_all(timeout_s=20)


def submit(cluster: SlurmCluster, folder: Path, script: str, *options: str) -> str:
    """Returns the job id; the job runs in `folder` and writes <task>.out there."""
    place = (f"--chdir={folder}", "--output=%a.out", "--open-mode=append")
    return cluster.run("sbatch", "--parsable", *place, *options, f"--wrap={script}").strip()


def states(cluster: SlurmCluster, job_id: str) -> set[str]:
    shown = cluster.run("squeue", "--noheader", "--states=all", f"--jobs={job_id}", "--format=%T")
    return set(shown.split())


def wait_for_state(cluster: SlurmCluster, job_id: str, state: str, timeout_s: float = 20) -> None:
    wait_until(lambda: states(cluster, job_id) == {state}, timeout_s, f"job {job_id} {state}")


def restarts(cluster: SlurmCluster, job_id: str) -> int:
    shown = cluster.run("scontrol", "--oneliner", "show", "job", job_id)
    return int(shown.split(" Restarts=")[1].split()[0])


def test_array_tasks_get_a_gpu_each(cluster: SlurmCluster, tmp_path: Path) -> None:
    job_id = submit(cluster, tmp_path, MEET_15_OTHERS, "--array=0-15", "--gres=gpu:1")
    wait_for_state(cluster, job_id, "COMPLETED")
    gpus = {(tmp_path / f"{task}.out").read_text().strip() for task in range(16)}
    assert gpus == {f"node{node} {gpu}" for node in range(1, 5) for gpu in range(4)}


def test_jobs_find_this_python(cluster: SlurmCluster, tmp_path: Path) -> None:
    job_id = submit(cluster, tmp_path, "python -c 'import sys; print(sys.prefix)'", "--array=0")
    wait_for_state(cluster, job_id, "COMPLETED")
    assert (tmp_path / "0.out").read_text() == f"{sys.prefix}\n"


def test_requeued_job_starts_again(cluster: SlurmCluster, tmp_path: Path) -> None:
    script = 'echo start ${SLURM_RESTART_COUNT:-0}; [ -n "$SLURM_RESTART_COUNT" ] || sleep 60'
    job_id = submit(cluster, tmp_path, script, "--array=0")
    wait_until((tmp_path / "0.out").exists, 20, "first start")
    cluster.requeue(job_id)
    wait_for_state(cluster, job_id, "COMPLETED", timeout_s=CRED_EXPIRE_S + 15)
    assert (tmp_path / "0.out").read_text().count("start") == 2
    assert (tmp_path / "0.out").read_text().endswith("start 1\n")


def test_node_failure_requeues_its_job(cluster: SlurmCluster, tmp_path: Path) -> None:
    job_id = submit(cluster, tmp_path, "sleep 60", "--nodelist=node2")
    wait_for_state(cluster, job_id, "RUNNING")
    cluster.down_node("node2")
    assert cluster.node_state("node2").startswith("DOWN")
    wait_for_state(cluster, job_id, "PENDING")
    assert restarts(cluster, job_id) == 1
    cluster.resume_node("node2")
    assert cluster.node_state("node2").startswith("IDLE")


def test_job_outlives_its_slurmd(cluster: SlurmCluster, tmp_path: Path) -> None:
    job_id = submit(cluster, tmp_path, "while [ ! -e end ]; do sleep 0.2; done", "--nodelist=node3")
    wait_for_state(cluster, job_id, "RUNNING")
    cluster.kill_slurmd("node3")
    with pytest.raises(RuntimeError, match="slurmd-node3 is not running"):
        cluster.kill_slurmd("node3")
    cluster.start_slurmd("node3")
    (tmp_path / "end").touch()
    wait_for_state(cluster, job_id, "COMPLETED")
    assert restarts(cluster, job_id) == 0


def test_job_outlives_slurmctld(cluster: SlurmCluster, tmp_path: Path) -> None:
    job_id = submit(cluster, tmp_path, "while [ ! -e end ]; do sleep 0.2; done")
    wait_for_state(cluster, job_id, "RUNNING")
    cluster.kill_slurmctld()
    cluster.start_slurmctld()
    (tmp_path / "end").touch()
    wait_for_state(cluster, job_id, "COMPLETED")
    assert restarts(cluster, job_id) == 0


def test_frozen_slurmctld_answers_after_thaw(cluster: SlurmCluster) -> None:
    cluster.freeze_slurmctld()
    with pytest.raises(TimeoutError, match=r"squeue: no answer within 0\.5 s"):
        cluster.run("squeue", timeout_s=0.5)
    cluster.thaw_slurmctld()
    assert "JOBID" in cluster.run("squeue")


def test_max_array_size_bounds_the_index(cluster: SlurmCluster, tmp_path: Path) -> None:
    submit(cluster, tmp_path, "true", "--hold", "--array=1000")
    with pytest.raises(RuntimeError, match="Invalid job array specification"):
        submit(cluster, tmp_path, "true", "--hold", "--array=1001")


def test_main_preempts_preemptible(cluster: SlurmCluster, tmp_path: Path) -> None:
    all_gpus = ("--nodes=4", "--gres=gpu:4")
    victim = submit(cluster, tmp_path, "sleep 60", "--partition=preemptible", *all_gpus)
    wait_for_state(cluster, victim, "RUNNING")
    urgent = submit(cluster, tmp_path, "true", "--partition=main", "--gres=gpu:1")
    wait_for_state(cluster, urgent, "COMPLETED")
    assert states(cluster, victim) == {"PENDING"}
    assert restarts(cluster, victim) == 1


def test_second_cluster_with_long_folder_and_no_home(
    slurm: SlurmCluster, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "USER", "LOGNAME"):
        monkeypatch.delenv(name, raising=False)
    parent = tmp_path_factory.mktemp("long")
    folder = parent / ("x" * (MAX_FOLDER_LENGTH - len(str(parent)) - 1))
    extra_conf = ("KillWait=7", "PartitionName=grace Nodes=node1 GraceTime=3")
    with SlurmCluster(folder, nodes=2, gpus_per_node=1, max_array_size=5, extra_conf=extra_conf) as second:
        config = second.run("scontrol", "show", "config")
        assert "KillWait                = 7 sec\n" in config
        assert "MaxArraySize            = 5\n" in config
        assert "GraceTime=3 " in second.run("scontrol", "--oneliner", "show", "partition", "grace")
        assert second.run("srun", "--gres=gpu:1", "printenv", "CUDA_VISIBLE_DEVICES") == "0\n"
        with pytest.raises(RuntimeError, match="running already: call stop"):
            second.start()


def test_nothing_survives_stop(slurm: SlurmCluster, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("stop")
    with SlurmCluster(folder, nodes=1) as doomed:
        submit(doomed, folder, "trap '' TERM; touch running; sleep 100 & sleep 100")
        wait_until((folder / "running").exists, 20, "job running")
        doomed.kill_slurmd("node1")
        doomed.freeze_slurmctld()
        assert len(pids_of(doomed.conf.slurm_conf)) >= 6  # munged, slurmctld, slurmscriptd, slurmstepd, two of the job
    assert pids_of(doomed.conf.slurm_conf) == []
    doomed.stop()
    assert pids_of(slurm.conf.slurm_conf) != []


def test_nodes_are_usable_after_a_restart(slurm: SlurmCluster, folder: Path) -> None:
    with SlurmCluster(folder, nodes=3) as restarted:
        restarted.down_node("node1")
        restarted.run("scontrol", "update", "NodeName=node2", "State=DRAIN", "Reason=test")
        restarted.stop()
        restarted.start()
        assert restarted.run("srun", "--nodes=3", "echo", "up", timeout_s=20) == "up\n" * 3


def test_failed_start_says_why_and_leaves_nothing(slurm: SlurmCluster, folder: Path) -> None:
    broken = SlurmCluster(folder, nodes=1, extra_conf=["Absent=1"])
    with pytest.raises(RuntimeError, match=r"slurmctld: exit code 1: .*unrecognized key: Absent"):
        broken.start()
    assert pids_of(broken.conf.slurm_conf) == []


def test_crashed_slurmctld_forgets_its_last_jobs(slurm: SlurmCluster, folder: Path) -> None:
    with SlurmCluster(folder, nodes=1) as crashing:
        forgotten = submit(crashing, folder, "true", "--hold")
        crashing.kill_slurmctld(after_save=False)
        crashing.start_slurmctld()
        assert forgotten not in crashing.run("squeue", "--noheader", "--format=%i").split()
        assert submit(crashing, folder, "true", "--hold") == forgotten


def test_settings_around_the_tests_do_not_reach_commands(
    cluster: SlurmCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SBATCH_PARTITION", "absent")
    job_id = submit(cluster, tmp_path, "true")
    wait_for_state(cluster, job_id, "COMPLETED")
    assert "Partition=main" in cluster.run("scontrol", "--oneliner", "show", "job", job_id)


def test_errors_say_what_is_allowed(cluster: SlurmCluster, folder: Path) -> None:
    with pytest.raises(ValueError, match="no node 'node5': the nodes are node1, node2, node3, node4"):
        cluster.down_node("node5")
    with pytest.raises(ValueError, match="0 nodes of 4 GPUs: give 1 to 99 nodes of at least 1 GPU"):
        SlurmCluster(folder, nodes=0)
    with pytest.raises(ValueError, match="has 100 characters: unix sockets leave 68 characters"):
        SlurmCluster(Path("/" + "x" * 99))
    with pytest.raises(ValueError, match="give an absolute folder of letters"):
        SlurmCluster(Path("/tmp/a b"))
    with pytest.raises(ValueError, match=r"'KillWait' is no line of slurm.conf: give Parameter=value"):
        SlurmCluster(folder, extra_conf=["KillWait"]).start()
    with pytest.raises(RuntimeError, match=r"scontrol show job 999999: exit code 1: .*Invalid job id"):
        cluster.run("scontrol", "show", "job", "999999")


def test_missing_packages_can_be_installed_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.cluster.cluster.find_program", lambda program: None)
    assert missing_packages() == ["slurmctld", "slurmd", "slurm-client", "munge"]
    assert set(missing_accounting_packages()) >= {*missing_packages(), "slurmdbd", "mariadb-server"}
    assert not accounting_available()
    assert install_command(["munge", "slurmd"]) == "apt-get install -y --no-install-recommends munge slurmd"


def test_sacct_shows_a_finished_job(slurm_accounting: SlurmCluster, tmp_path: Path) -> None:
    job_id = submit(slurm_accounting, tmp_path, "true", "--gres=gpu:1")
    fields = ("sacct", "-nXP", f"--jobs={job_id}", "--format=Account,User,State,ExitCode,AllocTRES")

    def finished() -> bool:
        return "COMPLETED" in slurm_accounting.run(*fields)

    wait_until(finished, 30, f"sacct shows job {job_id}")
    user = slurm_accounting.run("id", "-un").strip()
    account, name, state, exit_code, tres = slurm_accounting.run(*fields).strip().split("|")
    assert (account, name, state, exit_code) == ("lab", user, "COMPLETED", "0:0")
    assert "gres/gpu=1" in tres.split(",")


def test_unknown_account_is_rejected(slurm_accounting: SlurmCluster, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="Invalid account"):
        submit(slurm_accounting, tmp_path, "true", "--account=absent")


STARTER = """
import signal, sys
from pathlib import Path
from tests.cluster.cluster import SlurmCluster
cluster = SlurmCluster(Path(sys.argv[1]), nodes=1, accounting=bool(sys.argv[2]))
cluster.start()
cluster.run("sbatch", "--output=/dev/null", "--wrap=touch running; sleep 600", "--chdir", sys.argv[1])
signal.pause()
"""


@pytest.mark.skipif(bool(missing_packages()), reason="SLURM is missing here")
def test_a_cluster_ends_with_the_process_that_started_it(folder: Path) -> None:
    """Killed with no chance to stop it: no daemon and no job is left."""
    accounting = accounting_available()
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(folder), "1" * accounting], cwd=PROJECT)
    wait_until((folder / "running").exists, 60, "the job to run")
    names = {Path(f"/proc/{pid}/comm").read_text().strip() for pid in pids_of(folder / "slurm.conf")}
    assert names >= {"munged", "slurmctld", "slurmd", "sleep", *(["slurmdbd", "mariadbd"] if accounting else [])}
    starter.kill()
    starter.wait()
    wait_until(lambda: not pids_of(folder / "slurm.conf"), 20, "the cluster to end")
