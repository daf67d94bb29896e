"""The rows as a parquet file and as a markdown table."""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from sweep.results.provenance import versions

COLUMNS = {
    "variant": "{}", "precision": "{}", "members": "{}",
    "model_epochs_per_h": "{:,.1f}", "lowest": "{:,.1f}", "highest": "{:,.1f}", "times_loop": "{:.2f}",
    "tflops": "{:.3g}", "of_product": "{:.0%}", "tb_per_s": "{:.3g}", "of_copy": "{:.0%}",
    "peak_gb": "{:.2f}", "predicted_gb": "{:.2f}", "float64_error": "{:.1e}", "error": "{}",
}  # fmt: skip


NOTES = """\
Model-epochs per hour = 3600 * K / (S * seconds per step), K members, S = ceil(50,000 / batch size) steps per epoch:
the median over the repeats, with the lowest and the highest; every repeat builds each variant anew, one after the
other. Only training steps of whole batches are timed; on a CPU, seconds are those of the process, on one thread.
`times_loop`: how many times as fast as `loop+loader` at the same precision, the median of ratios within a repeat.
TFLOP/s: 2 * 3 * MACs. TB/s: the bytes that the variant's passes move if no cache holds them (benchmarks/engines/
traffic.py); ceilings are of one large matrix product and one large copy in the same process. `float64_error`: largest
relative error of a mean loss over two epochs of a small network against the plain engine in float64 on the CPU, for
`array` over 12 members with every optimizer. Peak memory includes the data set.

- `loop+loader`: eager, LSQ of autograd operations, torch.optim.SGD, the loss read at every step, PIL augmentation in a
  DataLoader; `loop+memory`: the same with images and augmentation on the device.
- `plain`: our plain engine; `plain+graph`: with its steps captured in CUDA graphs, on GPUs only.
- `grouped`: members side by side in channels, as HFTA has them; `vmap`: torch.func.vmap. Both with LSQ of autograd
  operations, SGD, 2, 4 and 8 bits.
- `array`: our array engine, members of 2, 4, 8 and 32 bits with SGD, Adam and RMSprop; `array+triton`: on
  kernels of its own, on GPUs only."""


def device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads, cores = torch.get_num_threads(), os.cpu_count()
    return f"CPU ({torch.backends.cpu.get_cpu_capability()}), {threads} thread on {cores} shared cores"


def provenance(device: torch.device) -> dict[str, Any]:
    found = versions()
    return {
        "command": f"python -m benchmarks.engines {shlex.join(sys.argv[1:])}".strip(),
        "commit": found["commit"] + (" with changes" if found["dirty"] else ""),
        "torch": found["torch_version"],
        "cuda": found["cuda_version"],
        "device": device_name(device),
    }


def write(folder: Path, name: str, rows: Sequence[dict[str, Any]], notes: str, device: torch.device) -> None:
    """`name`.parquet and `name`.md under `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame([row | provenance(device) for row in rows])
    table.to_parquet(folder / f"{name}.parquet", index=False)
    facts = "\n".join(f"- {key}: {value}" for key, value in provenance(device).items() if value)
    text = "\n\n".join([facts, notes, *(_section(rows, key) for key in _architectures(rows))])
    (folder / f"{name}.md").write_text(text + "\n")


def _architectures(rows: Sequence[dict[str, Any]]) -> list[tuple[int, int]]:
    return sorted({(row["width"], row["depth"]) for row in rows})


def _section(rows: Sequence[dict[str, Any]], architecture: tuple[int, int]) -> str:
    own = [_shown(row) for row in rows if (row["width"], row["depth"]) == architecture]
    own.sort(key=lambda row: row["precision"])
    names = [name for name in COLUMNS if any(row[name] not in (None, "") for row in own)]
    body = [names, ["---"] * len(names), *([_cell(row, name) for name in names] for row in own)]
    lines = "\n".join("| " + " | ".join(cells) + " |" for cells in body)
    products = {row["precision"]: f"{row['ceiling_tflops']:.3g} TFLOP/s ({row['precision']})" for row in own}
    return (
        f"## width {architecture[0]}, depth {architecture[1]}, batch {own[0]['batch_size']}\n\n"
        f"Ceilings: products {', '.join(products.values())}; copy {own[0]['ceiling_tb_per_s']:.3g} TB/s.\n\n{lines}"
    )


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return row | {
        "of_product": _ratio(row["tflops"], row["ceiling_tflops"]),
        "of_copy": _ratio(row["tb_per_s"], row["ceiling_tb_per_s"]),
        "peak_gb": _ratio(row["peak_bytes"], 1e9),
        "predicted_gb": _ratio(row["predicted_bytes"], 1e9),
    }


def _cell(row: dict[str, Any], name: str) -> str:
    return "" if row[name] is None else COLUMNS[name].format(row[name]).replace("|", "/")


def _ratio(value: float | None, unit: float) -> float | None:
    return None if value is None else value / unit
