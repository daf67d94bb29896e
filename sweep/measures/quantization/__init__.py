"""What quantization did to the weights (QGen Figure 1; noise tempering Table 6a)."""

from sweep.config.measures import Measure, MeasureColumn

PART = Measure(
    "quantization",
    "learned step sizes, and how far quantization moves the weights",
    of_run=(
        MeasureColumn("layers", list[str], "quantized weights, by name"),
        MeasureColumn("step_sizes", list[float], "of these"),
        MeasureColumn("quantization_error", float, "mean |Q(w) - w|; null at full precision"),
    ),
    paper="QGen Figure 1",
)
