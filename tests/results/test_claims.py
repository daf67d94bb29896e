"""Claims: one process at a time has a task, whoever dies, sleeps, sees things late or has another time."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sweep.config.checks import ConfigError
from sweep.results import claimant, claims
from sweep.results.claimant import Claimant, Watch, read_claimant
from sweep.results.claims import CLEAR_AFTER_S, Claims, check_claims, claim_on, claims_on
from sweep.results.paths import ResultsDir
from tests.cluster.daemon import wait_until

TASK = "a" * 64
TIMEOUT_S = 120.0


class Hosts:
    """Processes of several hosts, which see each other through files only, and the time that passes for all."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.results = ResultsDir(folder)
        self.now = 0.0
        self._monkeypatch = monkeypatch

    def at(self, host: str) -> None:
        self._monkeypatch.setattr(claimant, "this_machine", lambda: host)

    def process(self, host: str) -> Claims:
        self.at(host)
        process = Claims(self.results, TIMEOUT_S, sweep_id="s", pack_id=host, clock=lambda: self.now)
        process.announce()
        return process

    def pass_s(self, seconds: float, *alive: Claims) -> None:
        """In steps in which those alive beat."""
        for _ in range(int(seconds // 20)):
            self.now += 20
            for each in alive:
                each.beat()


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hosts:
    return Hosts(tmp_path, monkeypatch)


def who(found: Claimant | None) -> str:
    return found.pack_id if found else ""


def files(hosts: Hosts) -> list[str]:
    return sorted(path.name for path in hosts.results.claims.iterdir())


def test_one_process_has_a_task_until_it_gives_it_back(hosts: Hosts) -> None:
    first, second = hosts.process("h1"), hosts.process("h2")
    assert first.take(TASK) is None and first.take(TASK) is None
    assert who(second.take(TASK)) == "h1"
    first.release(TASK)
    assert who(first.take(TASK)) == "h1"  # not again before every host sees that it gave it back
    assert second.take(TASK) is None
    hosts.pass_s(TIMEOUT_S, first, second)
    assert who(first.take(TASK)) == "h2"


def test_a_claim_says_who_made_it(hosts: Hosts) -> None:
    with Claims(hosts.results, TIMEOUT_S, sweep_id="abc", pack_id="p-0", job_id="12_3") as one:
        one.take(TASK)
        found = claims_on(hosts.results, [TASK, "b" * 64])[TASK]
    assert (found.sweep_id, found.pack_id, found.job_id, found.timeout_s) == ("abc", "p-0", "12_3", TIMEOUT_S)
    assert found.in_words() == f"sweep abc, job 12_3 on {found.host}"


def test_a_beat_keeps_a_claim_and_silence_loses_it_by_the_watchers_own_clock(hosts: Hosts) -> None:
    holder, watcher = hosts.process("h1"), hosts.process("h2")
    holder.take(TASK)
    assert who(watcher.take(TASK)) == "h1"
    for _ in range(20):
        hosts.pass_s(100, holder)
        assert who(watcher.take(TASK)) == "h1"
    hosts.pass_s(TIMEOUT_S - 20)
    assert who(watcher.take(TASK)) == "h1"
    hosts.pass_s(20)
    assert watcher.take(TASK) is None


def test_who_first_looks_must_watch_however_old_a_claim_is(hosts: Hosts) -> None:
    """Times in files are no evidence: clocks differ."""
    holder = hosts.process("h1")
    holder.take(TASK)
    hosts.pass_s(10 * TIMEOUT_S)
    assert who(hosts.process("h2").take(TASK)) == "h1"


@pytest.mark.parametrize("shift_s", [-600.0, 600.0])
def test_clocks_that_differ_change_nothing(shift_s: float, hosts: Hosts) -> None:
    holder = hosts.process("h1")
    watcher = Claims(hosts.results, TIMEOUT_S, sweep_id="s", pack_id="h2", clock=lambda: hosts.now + shift_s)
    watcher.announce()
    hosts.at("h2")
    holder.take(TASK)
    assert who(watcher.take(TASK)) == "h1"
    hosts.pass_s(600, holder)
    assert who(watcher.take(TASK)) == "h1"
    hosts.pass_s(600)
    assert watcher.take(TASK) is None


def test_of_two_takers_of_a_dead_claim_one_wins(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have read it before either acts."""
    dead = hosts.process("h1")
    dead.take(TASK)
    takers = [hosts.process("h2"), hosts.process("h3")]
    for taker in takers:
        taker.take(TASK)
    hosts.pass_s(TIMEOUT_S, *takers)
    read = claim_on(hosts.results.claims, TASK)
    real, reads = claims.claim_on, iter([read, read])
    monkeypatch.setattr(claims, "claim_on", lambda *where: next(reads, None) or real(*where))
    won = [taker.take(TASK) is None for taker in takers]
    assert won == [True, False]
    assert takers[0].seal(TASK)


def test_who_slept_and_lost_the_claim_cannot_commit(hosts: Hosts) -> None:
    sleeper, taker = hosts.process("h1"), hosts.process("h2")
    sleeper.take(TASK)
    taker.take(TASK)
    hosts.pass_s(TIMEOUT_S)
    assert taker.take(TASK) is None
    assert not sleeper.has_lost(TASK)
    sleeper.beat()
    assert sleeper.has_lost(TASK) and not sleeper.seal(TASK)
    sleeper.release(TASK)
    assert taker.seal(TASK) and who(hosts.process("h3").take(TASK)) == "h2"


@pytest.mark.parametrize("committed", [True, False])
def test_who_slept_through_the_whole_of_anothers_work_cannot_commit(committed: bool, hosts: Hosts) -> None:
    sleeper, taker = hosts.process("h1"), hosts.process("h2")
    sleeper.take(TASK)
    taker.take(TASK)
    hosts.pass_s(TIMEOUT_S)
    taker.take(TASK)
    taker.seal(TASK)
    taker.release(TASK, committed=committed)
    hosts.pass_s(2 * TIMEOUT_S, taker)
    assert not sleeper.seal(TASK)
    assert hosts.process("h3").take(TASK) is None


def test_who_sealed_first_keeps_the_claim_of_which_all_think_that_it_is_dead(hosts: Hosts) -> None:
    sleeper, taker = hosts.process("h1"), hosts.process("h2")
    sleeper.take(TASK)
    taker.take(TASK)
    read = claim_on(hosts.results.claims, TASK)
    hosts.pass_s(TIMEOUT_S)
    assert sleeper.seal(TASK)
    sleeper.release(TASK, committed=True)
    assert read is not None and not taker._take_over(read)


def test_a_claim_that_died_after_its_seal_is_taken_over_once(hosts: Hosts) -> None:
    dead = hosts.process("h1")
    dead.take(TASK)
    dead.seal(TASK)
    takers = [hosts.process("h2"), hosts.process("h3")]
    for taker in takers:
        taker.take(TASK)
    hosts.pass_s(TIMEOUT_S, *takers)
    assert takers[0].take(TASK) is None
    assert who(takers[1].take(TASK)) == "h2"
    assert takers[0].seal(TASK)


def test_a_takeover_of_what_was_given_back_meanwhile_is_void(hosts: Hosts) -> None:
    holder, taker = hosts.process("h1"), hosts.process("h2")
    holder.take(TASK)
    read = claim_on(hosts.results.claims, TASK)
    holder.release(TASK)
    hosts.pass_s(2 * TIMEOUT_S, holder)  # the seal is gone too
    assert hosts.process("h3").take(TASK) is None
    assert read is not None and not taker._take_over(read)
    assert who(taker.take(TASK)) == "h3"


def test_a_claim_stays_until_every_host_sees_the_row(hosts: Hosts) -> None:
    holder, late = hosts.process("h1"), hosts.process("h2")
    holder.take(TASK)
    holder.seal(TASK)
    holder.release(TASK, committed=True)
    hosts.pass_s(TIMEOUT_S - 20, holder)
    assert who(late.take(TASK)) == "h1"
    hosts.pass_s(20, holder)
    assert late.take(TASK) is None
    assert [name for name in files(hosts) if name.startswith(TASK)] == [TASK]


def test_a_process_that_is_over_is_gone_on_its_machine_and_watched_from_others(hosts: Hosts) -> None:
    holder = hosts.process("h1")
    holder.take(TASK)
    holder.seal(TASK)
    holder.release(TASK, committed=True)
    holder.close()
    assert claims_on(hosts.results, [TASK]) == {}
    far = hosts.process("h2")
    assert who(far.take(TASK)) == "h1" and who(claims_on(hosts.results, [TASK])[TASK]) == "h1"
    hosts.pass_s(TIMEOUT_S)
    assert far.take(TASK) is None


def test_a_claim_on_this_machine_goes_with_its_process(tmp_path: Path) -> None:
    process = claiming(tmp_path, TASK)
    with Claims(ResultsDir(tmp_path), TIMEOUT_S, sweep_id="s") as own:
        assert own.take(TASK) is not None
        process.kill()
        process.communicate()
        assert own.take(TASK) is None


def claiming(folder: Path, *tasks: str, timeout_s: float = TIMEOUT_S) -> "subprocess.Popen[str]":
    """A process that claims tasks, says so, and seals them when it is told to."""
    code = (
        "import sys; from pathlib import Path; from sweep.results.claims import Claims\n"
        "from sweep.results.paths import ResultsDir\n"
        f"with Claims(ResultsDir(Path({str(folder)!r})), {timeout_s}, 's') as claims:\n"
        "    print(*(claims.take(task) is None for task in sys.argv[1:]), flush=True)\n"
        "    input()\n"
        "    print(*(claims.seal(task) for task in sys.argv[1:]), flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, *tasks], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline().split() == ["True"] * len(tasks)
    return process


def test_a_process_that_was_stopped_for_too_long_is_fenced_off(tmp_path: Path) -> None:
    process = claiming(tmp_path, TASK, "b" * 64, timeout_s=1.0)
    with Claims(ResultsDir(tmp_path), 1.0, sweep_id="s") as own:
        assert own.take(TASK) is not None
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda: own.take(TASK) is None, 30, "the claim to die")
        process.send_signal(signal.SIGCONT)
        assert process.communicate("\n")[0].split() == ["False", "True"]
        assert own.seal(TASK)


def test_a_process_that_beats_keeps_its_claim(tmp_path: Path) -> None:
    process = claiming(tmp_path, TASK, timeout_s=0.6)
    with Claims(ResultsDir(tmp_path), 0.6, sweep_id="s") as own:
        for _ in range(20):
            assert own.take(TASK) is not None
            time.sleep(0.1)
        assert process.communicate("\n")[0].split() == ["True"]


def test_a_watch_sees_a_process_whose_number_was_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    own = claimant.this_process("s", "p", "", TIMEOUT_S)
    assert not own.is_gone()
    monkeypatch.setattr(claimant, "_start_of", lambda pid: "another time")
    assert own.is_gone()
    monkeypatch.setattr(claimant, "_start_of", lambda pid: "")  # the system hides processes of other users
    assert not own.is_gone()


class Lagging:
    """Reads as a network file system may answer them: as of any moment in the last `lag_s` seconds."""

    def __init__(self, hosts: Hosts, lag_s: float, dice: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
        self._hosts, self._lag_s, self._dice = hosts, lag_s, dice
        self._states: list[tuple[float, dict[str, Claimant]]] = []
        monkeypatch.setattr(claims, "read_claimant", self.read)

    def note(self) -> None:
        """What is there now."""
        found = {path.name: read_claimant(path) for path in self._hosts.results.claims.iterdir()}
        now = self._hosts.now
        self._states.append((now, {name: each for name, each in found.items() if each is not None}))
        self._states = [state for state in self._states if state[0] >= now - self._lag_s]

    def read(self, file: Path) -> Claimant | None:
        if self._dice.random() < 0.5:
            return read_claimant(file)
        return self._dice.choice(self._states)[1].get(file.name)


class Worker:
    """Trains a task where it can claim it, and may fall asleep at any step for any time."""

    def __init__(self, process: Claims, host: str) -> None:
        self.process, self.host = process, host
        self.work_left = 0
        self.asleep_until = 0.0

    def step(self, world: "World") -> None:
        world.hosts.at(self.host)
        self.process.beat()
        if self.work_left:
            self.work_left -= 1
            if self.process.has_lost(TASK):
                self.work_left = 0
                self.process.release(TASK)
            elif not self.work_left:
                self.end(world)
        elif not world.row_seen() and self.process.take(TASK) is None:
            if world.row_seen():
                self.process.release(TASK)
            else:
                self.work_left = world.dice.randint(1, 12)

    def end(self, world: "World") -> None:
        if world.dice.random() < 0.3 or not self.process.seal(TASK):  # stopped, or fenced off
            self.process.release(TASK)
        else:
            world.rows.append(world.hosts.now)
            self.process.release(TASK, committed=True)


class World:
    def __init__(self, hosts: Hosts, dice: random.Random, lag_s: float) -> None:
        self.hosts, self.dice, self.lag_s = hosts, dice, lag_s
        self.rows: list[float] = []  # when one was committed

    def row_seen(self) -> bool:
        return any(at <= self.hosts.now - self.dice.uniform(0, self.lag_s) for at in self.rows)


@pytest.mark.parametrize("seed", range(10))
def test_no_run_is_trained_twice_whatever_happens_when(
    seed: int, hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four processes of three hosts; they sleep, are fenced off, stop, see files and rows up to a minute late."""
    dice = random.Random(seed)
    world = World(hosts, dice, lag_s=60.0)
    lagging = Lagging(hosts, 60.0, dice, monkeypatch)
    workers = [Worker(hosts.process(host), host) for host in ("h1", "h1", "h2", "h3")]
    lagging.note()
    for _ in range(400):
        hosts.now += 10
        for worker in dice.sample(workers, len(workers)):
            if worker.asleep_until <= hosts.now:
                worker.step(world)
                if dice.random() < 0.05:
                    worker.asleep_until = hosts.now + dice.choice([100, 130, 200, 500, 1500])
            lagging.note()
    assert len(world.rows) == 1


def test_what_died_long_ago_is_cleared_up_and_nothing_else(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    dead, alive = hosts.process("h1"), hosts.process("h2")
    dead.take(TASK)
    dead.take("b" * 64)
    dead.seal("b" * 64)
    alive.take("c" * 64)
    dead.take("d" * 64)
    read = claim_on(hosts.results.claims, "d" * 64)
    assert read is not None and alive._take_over(read)
    monkeypatch.setattr(claims, "CLEAR_AFTER_S", -CLEAR_AFTER_S)
    before = files(hosts)
    monkeypatch.undo()
    alive.clear_up()
    assert files(hosts) == before
    make_older(dead._file, 2 * CLEAR_AFTER_S)
    alive.clear_up()
    assert not {TASK, "b" * 64, f"worker-{dead.own.token}"} & set(files(hosts))
    assert "c" * 64 in files(hosts) and alive.seal("d" * 64)
    assert not dead.seal(TASK) and hosts.process("h3").take("b" * 64) is None


def make_older(path: Path, seconds: float) -> None:
    found = path.stat()
    os.utime(path, (found.st_atime - seconds, found.st_mtime - seconds))


def test_a_file_that_cannot_be_understood_holds_a_task_as_long_as_a_process_may_be_silent(hosts: Hosts) -> None:
    watcher = hosts.process("h1")
    (hosts.results.claims / TASK).write_text("")
    assert watcher.take(TASK) is not None
    hosts.pass_s(TIMEOUT_S, watcher)
    assert watcher.take(TASK) is None


def test_a_claim_that_somebody_removed_is_lost(hosts: Hosts) -> None:
    holder, other = hosts.process("h1"), hosts.process("h2")
    holder.take(TASK)
    (hosts.results.claims / TASK).unlink()
    assert other.take(TASK) is None
    assert not holder.seal(TASK) and other.seal(TASK)


def test_a_folder_without_claims_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "claims").write_text("not a folder")
    with pytest.raises(ConfigError, match=r"no claim on a run can be made in .*claims .*hard links"):
        check_claims(ResultsDir(tmp_path))


def test_a_file_system_without_links_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*paths: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    check_claims(ResultsDir(tmp_path))
    assert list((tmp_path / "claims").iterdir()) == []
    monkeypatch.setattr("os.link", refuse)
    with pytest.raises(ConfigError, match="Operation not permitted"):
        check_claims(ResultsDir(tmp_path))


def test_a_watch_counts_from_the_last_change(clock: Callable[[float], Watch]) -> None:
    watch = clock(0.0)
    one = Claimant("t", timeout_s=10.0, beat="1")
    assert not watch.is_dead(one)
    assert not clock(9.0).is_dead(Claimant("t", timeout_s=10.0, beat="2"))
    assert not clock(18.0).is_dead(Claimant("t", timeout_s=10.0, beat="2"))
    assert clock(19.0).is_dead(Claimant("t", timeout_s=10.0, beat="2"))


@pytest.fixture
def clock() -> Callable[[float], Watch]:
    now = [0.0]
    watch = Watch(lambda: now[0])

    def at(time_s: float) -> Watch:
        now[0] = time_s
        return watch

    return at
