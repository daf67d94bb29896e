"""Steps of SAM and SAQ against what numpy makes of the formulas, on two layers, in float64."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sweep.config.run import RunConfig
from sweep.quantizers.parameters import undecayed_parameters
from sweep.quantizers.placement import quantize
from sweep.training.parameter_groups import make_optimizer
from sweep.training.updates.base import Updates, make_updates
from tests.conftest import tiny_run
from tests.training.updates.two_layers import NAMES, ZERO, Array, TwoLayers, Values, inner, norm

BITS = 3
LR, RHO, BETA = 0.02, 0.3, 0.7
SAQ = {"rule": "saq", "saq_case": 3, "rho": RHO}


class Problem:
    """The same two layers in torch, with the rule of `changes`, and the numpy values of their parameters."""

    def __init__(self, unused: bool = False, **changes: Any) -> None:
        values = {"bits": BITS, "lr": LR, "momentum": 0.0, "weight_decay": 0.0, "precision": "fp64"}
        self.run: RunConfig = tiny_run(**(values | changes))
        rng = np.random.default_rng(0)
        self.model: Any = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2, bias=False)).double()
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter.copy_(torch.from_numpy(rng.normal(size=parameter.shape)))
        if unused:
            self.model.register_parameter("unused", nn.Parameter(torch.ones(2, dtype=torch.float64)))
        quantize(self.model, self.run)
        for step_size in undecayed_parameters(self.model):
            step_size.data *= 0.5  # so that some weights are clipped
        self.layers = TwoLayers(BITS if self.run.is_quantized else None)
        optimizer = make_optimizer(self.model, self.run)
        self.updates: Updates = make_updates(
            self.run, self.model, optimizer, torch.amp.GradScaler("cpu", enabled=False)
        )
        self.batches = [(rng.normal(size=(6, 3)), rng.normal(size=(6, 2))) for _ in range(4)]

    @property
    def u(self) -> Values:
        first, second = self.model[0], self.model[2]
        found = {"b": first.bias}
        for number, layer in ((1, first), (2, second)):
            if self.run.is_quantized:
                quantizers = layer.parametrizations.weight
                found |= {f"w{number}": quantizers.original, f"s{number}": quantizers[0].step_size}
            else:
                found[f"w{number}"] = layer.weight
        return {name: found[name].detach().numpy().copy() for name in NAMES if name in found}

    def step(self, number: int = 0) -> float:
        """Step `number`, on the batch of that number."""
        x, t = (torch.from_numpy(array) for array in self.batches[number])
        return self.updates.at(number)(self._loss, x, t).item()

    def _loss(self, x: Tensor, t: Tensor) -> Tensor:
        return 0.5 * (self.model(x) - t).square().sum() / len(x)

    def passes(self, *eps: dict[str, Array], number: int = 0) -> list[tuple[float, Values]]:
        return [self.layers.backward(self.u, *self.batches[number], ZERO | e) for e in eps]


def assert_moved(problem: Problem, before: Values, direction: Values) -> None:
    after = problem.u
    for name, value in before.items():
        np.testing.assert_allclose(after[name], value - LR * direction[name], rtol=1e-10, atol=1e-13)


def total(a: Values, b: Values) -> Values:
    return {name: a[name] + b[name] for name in NAMES if name in a}


def scaled(g: Values, names: dict[str, str], size: float = RHO) -> dict[str, Array]:
    """size g / ||g|| over the gradients `names`, each by the name of what it is added to."""
    length = norm(*(g[name] for name in names))
    return {shifted: size * g[name] / length for name, shifted in names.items()}


# The gradients that make eps, and what it is added to.
CASES = {1: {"w1": "q1", "w2": "q2"}, 2: {"w1": "w1", "w2": "w2"}, 3: {"q1": "q1", "q2": "q2"}}


@pytest.mark.parametrize("combine", ["sum", "mean", "perturbed"])
@pytest.mark.parametrize("case", CASES)
def test_one_step_of_saq(case: int, combine: str) -> None:
    problem = Problem(**SAQ | {"saq_case": case, "combine": combine})
    before = problem.u
    ((loss, g),) = problem.passes({})
    ((_, g_s),) = problem.passes(scaled(g, CASES[case]))
    assert problem.step() == pytest.approx(loss, rel=1e-12)
    share = {"sum": total(g_s, g), "perturbed": g_s, "mean": {name: (g_s[name] + g[name]) / 2 for name in g}}
    assert_moved(problem, before, share[combine])


def test_the_cases_differ_and_some_weight_is_clipped() -> None:
    """Otherwise a mistaken case would pass the test above."""
    problem = Problem()
    ((_, g),) = problem.passes({})
    steps = [problem.passes(scaled(g, names))[0][1]["w1"] for names in CASES.values()]
    assert (g["w1"] != g["q1"]).any()
    assert norm(steps[0] - steps[1]) > 1e-3 and norm(steps[0] - steps[2]) > 1e-3


@pytest.mark.parametrize("bits", [BITS, 32])
def test_one_step_of_sam(bits: int) -> None:
    problem = Problem(rule="sam", rho=RHO, bits=bits)
    before = problem.u
    ((loss, g),) = problem.passes({})
    ((_, g_s),) = problem.passes(scaled(g, CASES[2]))
    assert problem.step() == pytest.approx(loss, rel=1e-12)
    assert_moved(problem, before, g_s)


def test_at_full_precision_every_case_is_one() -> None:
    problem = Problem(**SAQ | {"bits": 32})
    before = problem.u
    ((_, g),) = problem.passes({})
    ((_, g_s),) = problem.passes(scaled(g, CASES[2]))
    problem.step()
    assert_moved(problem, before, total(g_s, g))


@pytest.mark.parametrize("case", [1, 2])
def test_perturbations_from_the_loss_of_full_precision_weights(case: int) -> None:
    problem = Problem(**SAQ | {"saq_case": case, "grad_source": "full_precision"})
    before = problem.u
    ((loss, g),) = problem.passes({})
    _, latent = problem.layers.backward(before, *problem.batches[0], bypassed=True)
    ((_, g_s),) = problem.passes(scaled(latent, CASES[case]))
    assert problem.step() == pytest.approx(loss, rel=1e-12)
    assert_moved(problem, before, total(g_s, g))


@pytest.mark.parametrize("case", CASES)
def test_more_than_weights_can_be_perturbed(case: int) -> None:
    problem = Problem(**SAQ | {"saq_case": case, "rho": 0.05, "perturb_biases": True, "perturb_clips": True})
    before = problem.u
    ((_, g),) = problem.passes({})
    ((_, g_s),) = problem.passes(scaled(g, CASES[case] | {"b": "b", "s1": "s1", "s2": "s2"}, 0.05))
    problem.step()
    assert_moved(problem, before, total(g_s, g))


@pytest.mark.parametrize("per_tensor", [False, True])
def test_efficient_training(per_tensor: bool) -> None:
    """Steps 1, 2 and 4 take the perturbed gradient and keep g_v, step 3 uses it (Alg. 1 with tau = 2, and t = 1)."""
    problem = Problem(**SAQ | {"tau": 2, "beta": BETA, "efficient_norms": "tensor" if per_tensor else "all"})
    groups = [(name,) for name in NAMES] if per_tensor else [NAMES]
    kept: Values = {}
    for number, is_perturbed in enumerate((True, True, False, True)):
        before = problem.u
        ((loss, g),) = problem.passes({}, number=number)
        if is_perturbed:
            ((_, g_s),) = problem.passes(scaled(g, CASES[3]), number=number)
            for names in groups:
                share = inner(g_s, g, names) / inner(g, g, names)
                is_number = len(names) == 1 and g[names[0]].size == 1  # to which nothing is at right angles
                kept |= {name: 0 * g[name] if is_number else g_s[name] - share * g[name] for name in names}
        else:
            g_s = {}
            for names in groups:
                factor = BETA * inner(g, g, names) ** 0.5 / (inner(kept, kept, names) ** 0.5 + 1e-12)
                g_s |= {name: g[name] + factor * kept[name] for name in names}
        assert problem.step(number) == pytest.approx(loss, rel=1e-12)
        assert_moved(problem, before, total(g_s, g))


@pytest.mark.parametrize("tau", [1, 2, 4])
def test_when_the_perturbed_gradient_is_taken(tau: int) -> None:
    renewing, between = (lambda *args: torch.zeros(()) for _ in range(2))
    updates = Updates(renewing, between, tau)
    taken = [step + 1 for step in range(9) if updates.at(step) is renewing]
    assert taken == {1: list(range(1, 10)), 2: [1, 2, 4, 6, 8], 4: [1, 4, 8]}[tau]


@pytest.mark.parametrize("changes", [SAQ, {"rule": "sam", "rho": RHO}])
def test_chunks_have_perturbations_of_their_own(changes: dict[str, Any]) -> None:
    problem = Problem(**changes, m_sharpness=4)  # two chunks of three images
    before = problem.u
    x, t = problem.batches[0]
    sums = {name: np.zeros_like(value) for name, value in before.items()}
    for half in (slice(0, 3), slice(3, 6)):
        _, g = problem.layers.backward(before, x[half], t[half])
        eps = scaled(g, CASES[2 if changes["rule"] == "sam" else 3])
        _, g_s = problem.layers.backward(before, x[half], t[half], ZERO | eps)
        both = g_s if changes["rule"] == "sam" else total(g_s, g)
        sums = {name: sums[name] + both[name] / 2 for name in sums}
    problem.step()
    assert_moved(problem, before, sums)


@pytest.mark.parametrize("changes", [SAQ | {"tau": 2, "beta": BETA}, {"rule": "sam", "rho": RHO}])
def test_parameters_that_the_network_does_not_use_stay_as_they_are(changes: dict[str, Any]) -> None:
    """As with other optimizers, which do not decay them either."""
    with_one, without = (Problem(unused, **changes, perturb_biases=True, weight_decay=0.1) for unused in (True, False))
    for number in range(3):
        assert with_one.step(number) == without.step(number)
    assert with_one.model.unused.tolist() == [1, 1]
