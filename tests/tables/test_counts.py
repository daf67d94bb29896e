"""How many versions of code are behind the rows of a line."""

import pandas as pd
import pytest

from sweep.tables.counts import most_codes


def rows(*changes: dict[str, object]) -> pd.DataFrame:
    same = {"quantizer": "lsq", "model": "nin", "optimizer": "sgd", "dataset": "digits", "engine": "plain", "code": "a"}
    return pd.DataFrame([same | change for change in changes])


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ([], 0),
        ([{}, {}], 1),
        ([{}, {"code": "b"}], 2),
        ([{}, {"code": "b"}, {"code": "b"}, {"code": "c"}], 3),
        ([{}, {"code": "b", "quantizer": "dorefa"}], 1),  # other parts have other code
        ([{}, {"code": "b", "quantizer": "dorefa"}, {"code": "c", "quantizer": "dorefa"}], 2),
        ([{}, {"code": "b", "engine": "array"}], 1),
        ([{}, {"code": "b", "dataset": "cifar10"}], 1),
        ([{"engine": None}, {"engine": None, "code": "b"}], 2),  # rows of before the column
        ([{"engine": None}, {"code": "b"}], 1),
    ],
)
def test_rows_that_are_alike_have_one_code(changes: list[dict[str, object]], count: int) -> None:
    assert most_codes(rows(*changes), "code") == count
