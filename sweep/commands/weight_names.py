"""Names of the weights that runs start or learn from: the exact one of what is asked for, or why it cannot be used."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from sweep.commands.arguments import Argument
from sweep.config.bits import FULL_PRECISION
from sweep.config.checks import ConfigError, allowed
from sweep.config.facts import DataFacts
from sweep.config.networks import SIZES, network_of, networks
from sweep.config.run import RUN_FIELDS, RunConfig, make_run
from sweep.config.settings import Settings
from sweep.config.transfer import DISTILLATION, FILE, NO_TEACHER, PRETRAINED, RANDOM, RUN, TWIN, origin_of
from sweep.results.paths import ResultsDir
from sweep.results.rows import run_of_row, stored
from sweep.terminal import shell_command
from sweep.worker.weight_files import FILE_OF, fetch_pretrained, sha256_of, teacher_run, weights_file

Values = Mapping[str, Any]
OF_TWINS = f"{TWIN}."
NOT_OF_TWINS = {
    "act_bits",
    "crops",
    "crop_pool",
    "initial_weights",
    "teacher",
    "dry_run",
    "hydra/sweeper",
    "hydra.mode",
    *FILE_OF.values(),
    *DISTILLATION,
}
# What makes the full-precision twin of a run, with one crop per image; its other values are those of the run, but for
# those that the user gives as full_precision.KEY=VALUE.
TWIN_FIXED = {"bits": FULL_PRECISION, "act_bits": FULL_PRECISION, "initial_weights": RANDOM, "teacher": NO_TEACHER}


class WeightNames:
    """The weights that the runs of one sweep may start or learn from."""

    def __init__(self, settings: Settings, facts: Mapping[str, DataFacts], twin_command: str) -> None:
        """`facts` by name of the data set; `twin_command` is what the user types to train missing twins."""
        self._twin_command = twin_command
        self._settings, self._facts = settings, facts
        self._results_dir = Path(settings.results_dir)
        self._files: dict[str, str] = {}
        self._fitting: set[tuple[object, ...]] = set()

    @cached_property
    def _runs(self) -> dict[str, dict[str, Any]]:
        return {row["run_id"]: row for row in stored(self._results_dir, ("run_id", "status", *RUN_FIELDS))}

    def exact(self, point: Values) -> dict[str, Any]:
        """Returns `point` with the exact names of its weights, which exist and fit; raises `ConfigError`."""
        values = dict(point)
        for key in FILE_OF:
            values[key] = self._name(key, point)
        if values["initial_weights"] != RANDOM or values["teacher"] != NO_TEACHER:
            self._check(make_run(values))
        return values

    def _name(self, key: str, point: Values) -> str:
        asked = str(point[key])
        origin = origin_of(asked)
        if origin == TWIN:
            return self._twin(point)
        if origin == RUN:
            return f"{RUN}:{self._run_id(key, asked.removeprefix(f'{RUN}:'))}"
        if asked == FILE:
            return f"{FILE}:{self._file_sha256(key)}"
        if asked == PRETRAINED:
            return f"{PRETRAINED}:{_pretrained(key, point)}"
        return asked

    def _twin(self, point: Values) -> str:
        values = {**point, "crops": 1, "crop_pool": 0, **point.get(TWIN, {}), **TWIN_FIXED}
        run_id = make_run(values).run_id
        if not ResultsDir(self._results_dir).weights(run_id).exists():
            row = "has a row but " if run_id in self._runs else ""
            raise ConfigError(
                f"{TWIN}: run {run_id[:12]}, which is this one at full precision, {row}kept no weights in "
                f"{ResultsDir(self._results_dir).weights_folder}. This trains such runs: {self._twin_command}"
                + (", into another results_dir, which these runs then share" if row else "")
            )
        return f"{RUN}:{run_id}"

    def _run_id(self, key: str, prefix: str) -> str:
        matching = [run_id for run_id in self._runs if run_id.startswith(prefix)]
        if len(matching) != 1:
            raise ConfigError(
                f"{key}={RUN}:{prefix}: {len(matching) or 'no'} runs in {self._results_dir} have it; give the column "
                f"run_id of the rows, or enough of its first characters"
            )
        if not ResultsDir(self._results_dir).weights(matching[0]).exists():
            raise ConfigError(
                f"{key}={RUN}:{prefix}: the run kept no weights in {ResultsDir(self._results_dir).weights_folder}; "
                f"train it with keep_weights=true, into another results_dir as it has its row already"
            )
        return matching[0]

    def _file_sha256(self, key: str) -> str:
        path = getattr(self._settings, FILE_OF[key])
        if not path:
            raise ConfigError(f"{key}={FILE} needs a value: give {FILE_OF[key]}=...")
        if not Path(path).is_file():
            raise ConfigError(f"{FILE_OF[key]}={path}: there is no such file")
        if path not in self._files:
            self._files[path] = sha256_of(Path(path))
        return self._files[path]

    def _check(self, run: RunConfig) -> None:
        """Raises `ConfigError` where weights do not fit; each combination of weights and network is looked at once."""
        for key in FILE_OF:
            name = getattr(run, key)
            if name in (RANDOM, NO_TEACHER):
                continue
            network = teacher_run(run, self._runs) if key == "teacher" else run
            if network.dataset != run.dataset:
                raise ConfigError(
                    f"{key}={name[:16]} was trained on {network.dataset}, and does not know {run.dataset}"
                )
            combination = (key, name, *_built_of(network))
            if combination not in self._fitting and not self._is_of(name, network):
                self._check_file(key, name, network)
            self._fitting.add(combination)

    def _is_of(self, name: str, network: RunConfig) -> bool:
        """Whether weights are known to be of such a network, without reading them."""
        row = self._runs.get(name.partition(":")[2]) if origin_of(name) == RUN else None
        return row is not None and _built_of(run_of_row(row)) == _built_of(network)

    def _check_file(self, key: str, name: str, network: RunConfig) -> None:
        from sweep.training.fitting import fitting, float_weights, read_weights

        if origin_of(name) == PRETRAINED:
            fetch_pretrained(name.partition(":")[2])
        path = weights_file(key, name, self._settings)
        assert path is not None
        facts, weights = self._facts[network.dataset], float_weights(read_weights(path))
        shape = (facts.channels, facts.classes, (facts.height, facts.width))
        try:
            fitting(weights, network, *shape, needs_head=key == "teacher")
        except ConfigError as error:
            raise ConfigError(f"{key}={name[:16]}: the tensors of {path} {error}") from None


def _built_of(run: RunConfig) -> tuple[object, ...]:
    """What the shapes of a network's tensors follow from."""
    return run.dataset, run.model, *(getattr(run, size) for size in SIZES)


def _pretrained(key: str, point: Values) -> str:
    model = (key == "teacher" and point["teacher_model"]) or point["model"]
    weights = network_of(model).pretrained
    if not weights:
        known = allowed(name for name, each in networks().items() if each.pretrained)
        raise ConfigError(f"{key}={PRETRAINED} with {model}: torchvision has weights of {known}")
    return weights


def twin_command(words: Iterable[str], *flags: str) -> str:
    """The user's own command, whose arguments Hydra recorded as `words`, for the runs at full precision."""
    arguments = [Argument(word) for word in words]
    own = {a.key.removeprefix(OF_TWINS): a.value for a in arguments if a.key.startswith(OF_TWINS)}
    twin = {"bits": FULL_PRECISION, **own, "keep_weights": "true"}
    left_out = NOT_OF_TWINS | twin.keys()
    kept = [a.word for a in arguments if a.key not in left_out and not a.key.startswith((OF_TWINS, "hydra.sweeper."))]
    return shell_command("sweep.run", *flags, *kept, **twin)
