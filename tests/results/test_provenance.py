"""What a row says of the machine that made it."""

import pytest
import torch

from sweep.results import schema
from sweep.results.provenance import cpu_capability, cpu_model


@pytest.mark.parametrize(
    ("limits", "shown"),
    [
        ({}, "AVX512"),
        ({"ONEDNN_MAX_CPU_ISA": "avx2"}, "AVX512 (oneDNN AVX2)"),
        ({"DNNL_MAX_CPU_ISA": "AVX2"}, "AVX512 (oneDNN AVX2)"),
        ({"ONEDNN_MAX_CPU_ISA": "SSE41", "DNNL_MAX_CPU_ISA": "AVX2"}, "AVX512 (oneDNN SSE41)"),
    ],
)
def test_a_limit_of_onednn_is_named_beside_torchs_capability(
    limits: dict[str, str], shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in limits.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    assert cpu_capability() == shown


def test_every_kind_of_row_has_it() -> None:
    tables = (schema.ROWS, schema.MEASURES, schema.DISTORTIONS)
    assert all("cpu_capability" in table.arrow().names for table in tables)


def test_a_cpu_has_a_name() -> None:
    assert cpu_model().strip()
