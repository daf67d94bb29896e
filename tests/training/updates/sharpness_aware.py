"""The sharpness-aware rules in each of their forms."""

from typing import Any

SAM = {"rule": "sam", "rho": 0.05}
SAQ = {"rule": "saq", "rho": 0.05, "saq_case": 3}
EFFICIENT = SAQ | {"tau": 4, "beta": 0.7}
RULES: dict[str, dict[str, Any]] = {
    "sam": SAM,
    "case 1": SAQ | {"saq_case": 1},
    "case 2": SAQ | {"saq_case": 2},
    "case 3": SAQ,
    "case 2, full precision": SAQ | {"saq_case": 2, "grad_source": "full_precision"},
    "efficient": EFFICIENT,
    "efficient, per tensor": EFFICIENT | {"efficient_norms": "tensor"},
    "all is perturbed": SAQ | dict.fromkeys(("perturb_biases", "perturb_norms", "perturb_clips"), True),
}
