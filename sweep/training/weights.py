"""The trained network as plain float weights: quantizers materialised, BN kept or folded into the convolutions."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
import torch.fx
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.fusion import fuse_conv_bn_eval

from sweep.config.checks import ConfigError, allowed
from sweep.config.run import RunConfig
from sweep.data.interface import TrainingData
from sweep.quantizers.lsq.quantizer import LSQ
from sweep.quantizers.placement import quantize, quantize_input
from sweep.training.state import initial_model

StateDict = Mapping[str, Tensor]
SHOWN = 3  # of the tensors that do not fit, in an error


def load_trained(state: Mapping[str, Any], run: RunConfig, data: TrainingData) -> tuple[nn.Module, nn.Module]:
    """The initial network and the trained, still quantized one, on the CPU, from what training kept.

    `state` holds the state dicts `initial` (unquantized) and `best` (parametrized). Raises `ConfigError` where
    they are not those of `run`'s network on `data`.
    """
    initial = _loaded(initial_model(run, data), state, "initial", run)
    return initial.eval(), load_best(state, run, data)


def load_best(
    state: Mapping[str, Any], run: RunConfig, data: TrainingData, dtype: torch.dtype = torch.float32
) -> nn.Module:
    """The second of `load_trained`."""
    return _loaded(quantize(initial_model(run, data), run).to(dtype), state, "best", run).eval()


def _loaded(model: nn.Module, states: Mapping[str, StateDict], kept: str, run: RunConfig) -> nn.Module:
    if not {"initial", "best"} <= states.keys():
        raise ConfigError(f"kept weights have {allowed(states)}: needed are initial and best")
    state = states[kept]
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in state.items()}
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if wrong:
        shown = "; ".join(f"{name}: {found.get(name, 'none')}, needed {expected.get(name, 'none')}" for name in wrong)
        more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise ConfigError(
            f"the {kept} weights are not those of {run.model} with depth={run.depth}, width={run.width}, "
            f"base_width={run.base_width}, bits={run.bits}: {'; '.join(shown.split('; ')[:SHOWN])}{more}. "
            f"Use them with the run that trained them"
        )
    model.load_state_dict(state)
    return model


def materialise(initial: nn.Module, trained: nn.Module, quantized: bool = True) -> nn.Module:
    """The plain network with the weights Q(w) of `trained`, or with the latent w where not `quantized`.

    `initial` is the unquantized network, whose structure is copied; biases, BN and the quantizers of activations are
    those of `trained`.
    """
    plain = copy.deepcopy(initial)
    with torch.no_grad():
        for name, tensor in (*plain.named_parameters(), *plain.named_buffers()):
            path, _, kind = name.rpartition(".")
            source = trained.get_submodule(path)
            if parametrize.is_parametrized(source, kind) and not quantized:
                tensor.copy_(source.parametrizations[kind].original)  # type: ignore[index, union-attr]
            else:
                tensor.copy_(getattr(source, kind))
    for name, module in trained.named_modules():
        if hasattr(module, "input_quantizer"):
            quantize_input(plain.get_submodule(name), copy.deepcopy(module.input_quantizer))
    return plain


def quantizes_activations(model: nn.Module) -> bool:
    return any(hasattr(module, "input_quantizer") for module in model.modules())


def fold(model: nn.Module) -> nn.Module:
    """A copy of `model` in evaluation mode with every BN that follows a convolution merged into it.

    w <- w * gamma / sqrt(var + eps), b <- (b - mean) * gamma / sqrt(var + eps) + beta, and an identity in the
    BN's place: the function stays the same. A BN that follows anything else stays (pre-activation networks), and
    so does one whose convolution is used elsewhere too. Latent weights must not be folded: Q(c w) != c Q(w).
    """
    folded = copy.deepcopy(model).eval()
    modules = dict(folded.named_modules())
    for node in torch.fx.symbolic_trace(folded).graph.nodes:
        conv, bn = _source(node, modules), modules.get(str(node.target))
        if node.op == "call_module" and isinstance(bn, nn.BatchNorm2d) and isinstance(conv, nn.Conv2d):
            folded.set_submodule(node.args[0].target, fuse_conv_bn_eval(conv, bn))
            folded.set_submodule(str(node.target), nn.Identity())
    return folded


def _source(node: torch.fx.Node, modules: Mapping[str, nn.Module]) -> nn.Module | None:
    """The module whose output only `node` takes."""
    before = node.args[0] if node.args else None
    if isinstance(before, torch.fx.Node) and before.op == "call_module" and len(before.users) == 1:
        return modules[str(before.target)]
    return None


def counted_names(model: nn.Module) -> list[str]:
    """The weights that the measures count: those of convolutions and linear layers; no biases, no BN."""
    return [f"{name}.weight" for name, module in model.named_modules() if isinstance(module, (nn.Conv2d, nn.Linear))]


def flatten(model: nn.Module, names: list[str]) -> Tensor:
    """The parameters `names` of a plain model as one vector (omega,)."""
    parameters = dict(model.named_parameters())
    return torch.cat([parameters[name].detach().flatten() for name in names])


def quantizers(model: nn.Module) -> dict[str, LSQ]:
    """The quantizer of each weight that LSQ or one of its kin quantizes, by the weight's name in the plain model."""
    found = {}
    for name, module in model.named_modules():
        if parametrize.is_parametrized(module, "weight"):
            quantizer = module.parametrizations["weight"][0]
            if isinstance(quantizer, LSQ):
                found[f"{name}.weight"] = quantizer
    return found
