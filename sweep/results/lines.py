"""Files that grow by one line of JSON per event: several processes append, and whoever reads passes over what is torn.

An event is a dataclass with a `label`. Its line has the label as `event` beside its fields; a field that is None has no
place there. So a file of another version can be read: unknown events and fields are passed over, and fields that were
added later have defaults.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Protocol, TypeVar

Json = Mapping[str, Any]  # one line, as it was parsed


class Labelled(Protocol):
    """An event as `append_event` takes it: a dataclass whose class has a label."""

    label: ClassVar[str]
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


AnyEvent = TypeVar("AnyEvent", bound=Labelled)


def append_line(path: Path, values: Json) -> None:
    """Appends one line in one write, so that a killed process leaves at most its last line unfinished."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        stream.write(json.dumps(values) + "\n")


def append_event(path: Path, event: Labelled) -> None:
    """Appends `event` to the file `path`, which is made where there is none."""
    values = {own.name: getattr(event, own.name) for own in dataclasses.fields(event)}
    append_line(path, {"event": event.label, **{name: value for name, value in values.items() if value is not None}})


class EventReader(Generic[AnyEvent]):
    """Reads the events of the file `path` that are of one of `types`, each once, as the file grows.

    `older_names` are names of fields in files of older versions, each with today's name.
    """

    def __init__(
        self, path: Path, types: Iterable[type[AnyEvent]], older_names: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._path, self._older_names = path, older_names
        self._types = {event.label: event for event in types}
        self._position = 0

    def new_events(self) -> list[AnyEvent]:
        """Returns the events that were appended since the last call; none where there is no such file.

        An unfinished last line waits. A line that was cut by a kill, an unknown event, and one that lacks a field are
        passed over.
        """
        return [event for line in self._new_lines() if (event := self._event_of(line)) is not None]

    def _new_lines(self) -> list[bytes]:
        if not self._path.exists() or self._path.stat().st_size == self._position:
            return []
        with self._path.open("rb") as stream:
            stream.seek(self._position)
            lines = stream.read()
        complete = lines[: lines.rfind(b"\n") + 1]
        self._position += len(complete)
        return complete.splitlines()

    def _event_of(self, line: bytes) -> AnyEvent | None:
        try:
            values = json.loads(line)
        except ValueError:
            return None
        found = self._types.get(values.get("event", "")) if isinstance(values, dict) else None
        return None if found is None else _made(found, self._with_todays_names(values))

    def _with_todays_names(self, values: Json) -> Json:
        return {self._older_names.get(name, name): value for name, value in values.items()}


def _made(event: type[AnyEvent], values: Json) -> AnyEvent | None:
    own = dataclasses.fields(event)
    is_whole = all(each.name in values for each in own if _is_required(each))
    return event(**{each.name: values[each.name] for each in own if each.name in values}) if is_whole else None


def _is_required(own: dataclasses.Field[Any]) -> bool:
    return own.default is dataclasses.MISSING and own.default_factory is dataclasses.MISSING
