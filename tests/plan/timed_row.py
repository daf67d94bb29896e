"""What the cost model reads of a row."""

import dataclasses


def row(run: object, seconds: float, **changes: object) -> dict[str, object]:
    result = {"status": "finished", "device": "cpu", "engine": "plain", "seconds": seconds}
    return dataclasses.asdict(run) | result | changes  # type: ignore[call-overload, no-any-return]
