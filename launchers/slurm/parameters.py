"""The parameters of the SLURM launcher, each declared once.

What is checked, what sbatch is told, the comments of conf/hydra/launcher/slurm.yaml, the table of docs/slurm.md, the
page of --help and the messages all follow from the declarations.
"""

import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sweep.config.checks import ConfigError, allowed, check_integer, check_number, did_you_mean

PREFIX = "hydra.launcher."
_GPUS = re.compile(r"[A-Za-z][\w.-]*(:\d+)?")  # TYPE or TYPE:COUNT
_PLAIN = re.compile(r"[\w.@%+-]*", re.ASCII)  # Hydra takes it as it is
_BLANK = re.compile(r"\s")
Reader = Callable[[str, Any], Any]  # of a parameter's name and its value; raises ConfigError


def whole(low: int, high: int | None = None) -> Reader:
    """Returns a reader of whole numbers from `low` to `high`."""
    return lambda name, value: check_integer(name, value, low, high)


def number(low: float, high: float | None = None) -> Reader:
    """Returns a reader of numbers from `low` to `high`."""
    return lambda name, value: check_number(name, value, low, high=high)


def word(name: str, value: Any) -> str:
    """Reads one text without line breaks; numbers are texts, too."""
    if isinstance(value, bool) or not isinstance(value, str | int | float) or not str(value).strip():
        raise ConfigError(f"{name}={value}: allowed is one text")
    if "\n" in str(value):
        raise ConfigError(f"{name}={value!r}: a text without line breaks is needed")
    return str(value)


def names(name: str, value: Any) -> str:
    """Reads one name, several separated by commas, or a list of names; returns them separated by commas."""
    listed = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    joined = ",".join(word(name, each) for each in listed)
    if not listed or _BLANK.search(joined) or joined.startswith(",") or ",," in f"{joined},":
        raise ConfigError(f"{name}={value}: allowed are names, as [a,b] or a,b without blanks")
    return joined


def gpus(name: str, value: Any) -> str:
    """Reads a number of GPUs, or a type and a number as a100:2; returns it as sbatch takes it."""
    if isinstance(value, str) and _GPUS.fullmatch(value) and not value.endswith(":0"):
        return value
    try:
        return str(check_integer(name, int(value) if isinstance(value, str) else value, 0))
    except (ConfigError, ValueError):
        raise ConfigError(
            f"{name}={value}: allowed is a whole number from 0 up, or TYPE:COUNT such as a100:1"
        ) from None


def lines(name: str, value: Any) -> list[str]:
    """Reads lines of shell: a list, or one text that is one line."""
    asked = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return [word(name, line) for line in asked]


@dataclass(frozen=True)
class Parameter:
    """One key under hydra.launcher, with its default as YAML has it; an empty `option` is the launcher's own matter.

    `variable` of a user's profile stands in where the parameter is null. One that `is_text` is quoted for Hydra on a
    command line.
    """

    name: str
    meaning: str
    read: Reader
    default: str = "null"
    option: str = ""  # of sbatch
    variable: str = ""
    is_text: bool = False

    @property
    def key(self) -> str:
        return f"{PREFIX}{self.name}"

    def value_of(self, asked: Any) -> Any:
        """Returns the checked value, None for null; raises `ConfigError`."""
        if asked is None and self.variable:
            asked = os.environ.get(self.variable) or None
        if asked is None and self.default != "null":
            raise ConfigError(f"{self.key}=null: a value is needed; the default is {self.default}")
        return None if asked is None else self.read(self.key, asked)

    def source(self, asked: Any) -> str:
        """Returns the variable of the profile that the value comes from; empty where it was said."""
        return self.variable if asked is None and self.variable and os.environ.get(self.variable) else ""


def _text(name: str, meaning: str, read: Reader, variable: str = "") -> Parameter:
    return Parameter(name, meaning, read, option=name.replace("_", "-"), variable=variable, is_text=True)


PARAMETERS = (
    _text("partition", "one, or several of which the first that has room is taken", names, "SBATCH_PARTITION"),
    _text("account", "that is charged", word, "SBATCH_ACCOUNT"),
    _text("qos", "quality of service", word, "SBATCH_QOS"),
    _text("constraint", "features that nodes must have, such as 'a100|h100'", word, "SBATCH_CONSTRAINT"),
    _text("nodelist", "nodes that are used", names),
    _text("exclude", "nodes that are not used", names),
    _text("reservation", "that is used", names, "SBATCH_RESERVATION"),
    Parameter("nice", "lowers the priority; below 0 for operators only", whole(-2147483645, 2147483645), option="nice"),
    _text("dependency", "on other jobs, such as 'afterok:123'", word),
    _text("mail_user", "address that mail goes to", names),
    _text("mail_type", "occasions of mail, such as [END,FAIL]; of arrays, not of their tasks", names),
    Parameter("gpus_per_task", "of one worker, also of a type: a100:1; 0 trains on CPUs", gpus, "1", "gpus-per-node"),
    Parameter("cpus_per_task", "of one worker", whole(1), "4", "cpus-per-task"),
    Parameter("mem_gb", "of one worker; null: the cluster's default", number(0.01, 1e6), option="mem"),
    Parameter("time_min", "limit of a task; a run that needs longer goes on in the next", whole(2), "60", "time"),
    Parameter("signal_delay_s", "before the limit a task is told to save and go on later", whole(1), "120", "signal"),
    Parameter("max_running_tasks", "of one array at a time; 0: as many as the cluster runs", whole(0), "0"),
    Parameter("max_submitted_tasks", "in the queue at a time; 0: the user's limit, where known", whole(0), "0"),
    Parameter("poll_s", "seconds between two looks at the queue", number(0.5, 3600.0), "10.0"),
    Parameter("setup", "lines of shell before the worker; one that fails ends the task", lines, "[]", is_text=True),
    Parameter("extra", "any other option of sbatch, such as {licenses: matlab}", lambda name, value: dict(value), "{}"),
)
BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}

# Options of sbatch that extra cannot have, with what to say instead.
_LOGS = "logs are in results_dir/sweeps/ID/logs"
_ITS_NAME = "the launcher finds its tasks by it"
_WORKER = "a task is one worker: hydra.launcher.gpus_per_task, hydra.launcher.cpus_per_task and processes_per_run"
_OWNED = {
    **{parameter.option: f"say {parameter.key}" for parameter in PARAMETERS if parameter.option},
    **dict.fromkeys(("job-name", "comment"), _ITS_NAME),
    **dict.fromkeys(("output", "error", "open-mode"), _LOGS),
    **dict.fromkeys(("requeue", "no-requeue"), "say max_preemptions, max_timeouts or max_node_losses"),
    **dict.fromkeys(("nodes", "ntasks", "ntasks-per-node", "gpus", "gpus-per-task"), _WORKER),
    **dict.fromkeys(("export", "export-file"), "say hydra.launcher.setup='export NAME=VALUE'"),
    **dict.fromkeys(("parsable", "quiet", "verbose"), "the launcher reads what sbatch prints"),
    "array": "say hydra.launcher.max_running_tasks",
    "wrap": "say hydra.launcher.setup",
    "time-min": "say hydra.launcher.time_min",
    "chdir": "workers start where the command was",
    "clusters": "point SLURM_CONF at the other cluster",
    "test-only": "say dry_run=true",
    "wait": "say wait=true",
}


def check_parameters(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values of all parameters, checked, by name; raises `ConfigError`."""
    for name in asked:
        if name not in BY_NAME:
            hint = did_you_mean(name, BY_NAME)
            raise ConfigError(f"{PREFIX}{name}: there is no such key{hint}. There are: {allowed(BY_NAME)}")
    values = {name: parameter.value_of(asked.get(name)) for name, parameter in BY_NAME.items()}
    return values | {"extra": check_extra(values["extra"])}


def check_extra(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Returns options of sbatch by name, without those that are off; raises `ConfigError` at one of the launcher's."""
    options: dict[str, Any] = {}
    for name, value in extra.items():
        option = str(name).lstrip("-").replace("_", "-")
        reason = _OWNED.get(option) or ("say the long name of the option" if len(option) == 1 else "")
        if option == "gres" and "gpu" in str(value):
            reason = _OWNED["gpus-per-node"]
        if reason:
            raise ConfigError(f"{PREFIX}extra.{name}: this option is the launcher's own; {reason}")
        if value not in (None, False):
            is_list = isinstance(value, Sequence) and not isinstance(value, str)
            options[option] = ",".join(map(str, value)) if is_list else value
    return options


def sbatch_options(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what sbatch is told of a task, by option; True is an option without a value."""
    told = {parameter.option: values[parameter.name] for parameter in PARAMETERS if parameter.option}
    told["gpus-per-node"] = None if values["gpus_per_task"] == "0" else values["gpus_per_task"]
    told["mem"] = f"{math.ceil(values['mem_gb'] * 1024)}M" if values["mem_gb"] else None
    told["signal"] = f"USR2@{values['signal_delay_s']}"
    return {**{name: value for name, value in told.items() if value is not None}, **values["extra"]}


def gpu_count(gpus_per_task: str) -> int:
    """Returns the number in a value of gpus_per_task: 2 of 2 and of a100:2, 1 of a100."""
    count = gpus_per_task.rpartition(":")[2]
    return int(count) if count.isdigit() else 1


def for_hydra(name: str, word: str) -> str:
    """Returns the argument `word`, which gives the parameter `name` a value, in Hydra's language.

    Texts need no quotes on a command line: partition=a,b and setup=export A=1 are no axis and no error.
    """
    key, _, value = word.partition("=")
    is_said = value.startswith(("'", '"')) or _PLAIN.fullmatch(value)
    is_list = value.startswith("[") and value.endswith("]") and BY_NAME[name].read in (names, lines)
    if not BY_NAME[name].is_text or is_said or is_list:
        return word
    quoted = value.replace("'", "\\'")
    return f"{key}='{quoted}'"


def variables_passed_over() -> list[str]:
    """Returns the names of sbatch's variables in the user's profile that no parameter stands for."""
    known = {parameter.variable for parameter in PARAMETERS}
    return sorted(name for name in os.environ if name.startswith("SBATCH_") and name not in known)


def places(values: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """Says where tasks will be, as `asked` and by the user's profile, whose other variables it names."""
    told = [own for own in PARAMETERS if own.is_text and own.option and values[own.name] is not None]
    parts = [f"{own.name} {values[own.name]}{_from(own.source(asked.get(own.name)))}" for own in told]
    parts += [] if values["partition"] else ["the default partition"]
    parts += [f"{name} {value}" for name, value in values["extra"].items()]
    passed_over = variables_passed_over()
    return ", ".join(parts) + (f" (not obeyed: {allowed(passed_over)})" if passed_over else "")


def _from(variable: str) -> str:
    return f" ({variable})" if variable else ""


def sizes(values: Mapping[str, Any]) -> str:
    """Says how large one task is."""
    memory = f"{values['mem_gb']:g} GB" if values["mem_gb"] else "the cluster's memory"
    gpus = f", {values['gpus_per_task']} GPUs" if values["gpus_per_task"] != "0" else ""
    return f"{values['time_min']} min, {values['cpus_per_task']} cores, {memory}{gpus}"
