"""Arrays of networks as others build them: members side by side in channels (HFTA), and torch.func.vmap."""

import copy
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from benchmarks.engines.loop import Curve, Stop, memory_epochs
from benchmarks.engines.lsq_of_ops import LSQConv2d, fake_quantize, make_sgd, quantized_nin
from sweep.config.run import RunConfig
from sweep.data.device import ImageData
from sweep.training.precision import autocast, master_dtype, set_tf32

Step = Callable[[Tensor, Tensor], Tensor]  # images (B, C, H, W) and labels (B,) to the loss of each member (K,)
_LIMITS = ("qmin", "qmax", "grad_scale")


class _GroupedConv(nn.Module):
    """K convolutions as one with K groups."""

    def __init__(self, convs: Sequence[LSQConv2d]) -> None:
        super().__init__()
        self._members, self._stride, self._padding = len(convs), convs[0].stride, convs[0].padding
        self.weight = nn.Parameter(torch.cat([conv.weight.detach() for conv in convs]))  # (K * C_out, C_in, k, k)
        self.bias = nn.Parameter(torch.cat([conv.bias.detach() for conv in convs]))  # type: ignore[union-attr]
        self.step_size = nn.Parameter(torch.stack([conv.step_size.detach() for conv in convs]))
        for name in _LIMITS:
            self.register_buffer(name, self.weight.new_tensor([[getattr(conv, name)] for conv in convs]))

    def forward(self, x: Tensor) -> Tensor:
        per_member = self.weight.unflatten(0, (self._members, -1)).flatten(1)
        limits = (self.get_buffer(name) for name in _LIMITS)
        weight = fake_quantize(per_member, self.step_size[:, None], *limits).view_as(self.weight)
        return F.conv2d(x, weight, self.bias, self._stride, self._padding, groups=self._members)


class _GroupedNiN(nn.Module):
    """Images (B, C, H, W) to logits (B, K, classes)."""

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        self._members = len(models)
        convs = [[module for module in model.modules() if isinstance(module, LSQConv2d)] for model in models]
        layers: list[nn.Module] = []
        for same in zip(*convs, strict=True):
            layers += [_GroupedConv(same), nn.BatchNorm2d(len(same) * same[0].out_channels), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        out: Tensor = self.layers(images.repeat(1, self._members, 1, 1))
        logits: Tensor = out.mean((2, 3)).unflatten(1, (self._members, -1))
        return logits


def grouped_step(runs: Sequence[RunConfig], data: ImageData, device: torch.device) -> Step:
    run, members = runs[0], len(runs)
    model = _GroupedNiN([quantized_nin(each, data) for each in runs]).to(device, master_dtype(run.precision))
    optimizer = make_sgd(model.named_parameters(), run)

    def step(images: Tensor, labels: Tensor) -> Tensor:
        optimizer.zero_grad()
        with autocast(run.precision, device):
            logits = model(images).flatten(0, 1)
        each = F.cross_entropy(logits.to(images.dtype), labels.repeat_interleave(members), reduction="none")
        losses: Tensor = each.unflatten(0, (-1, members)).mean(0)
        losses.sum().backward()
        optimizer.step()
        return losses.detach()

    return step


class _OneTypeNorm(nn.BatchNorm2d):
    """vmap's batch norm wants activations of the type of its parameters, which mixed precision does not give it."""

    def forward(self, x: Tensor) -> Tensor:
        normalized: Tensor = super().forward(x.to(self.weight.dtype))
        return normalized.to(x.dtype)


def _stackable(model: nn.Module) -> nn.Module:
    """vmap stacks buffers, not attributes."""
    for name, module in list(model.named_modules()):
        if isinstance(module, LSQConv2d):
            for limit in _LIMITS:
                value = getattr(module, limit)
                delattr(module, limit)
                module.register_buffer(limit, module.weight.new_tensor(value))
        elif isinstance(module, nn.BatchNorm2d):
            parent, _, attribute = name.rpartition(".")
            setattr(model.get_submodule(parent), attribute, _OneTypeNorm(module.num_features))
    return model


def vmap_step(runs: Sequence[RunConfig], data: ImageData, device: torch.device) -> Step:
    run = runs[0]
    models = [_stackable(quantized_nin(each, data)).to(device, master_dtype(run.precision)) for each in runs]
    parameters, buffers = stack_module_state(models)
    stateless = copy.deepcopy(models[0]).to("meta")
    optimizer = make_sgd(parameters.items(), run)

    def loss_of(own: dict[str, Tensor], state: dict[str, Tensor], images: Tensor, labels: Tensor) -> Tensor:
        with autocast(run.precision, device):
            logits = functional_call(stateless, (own, state), images)
        return F.cross_entropy(logits.to(images.dtype), labels)

    gradients_of_all = vmap(grad_and_value(loss_of), in_dims=(0, 0, None, None))

    def step(images: Tensor, labels: Tensor) -> Tensor:
        detached = {name: parameter.detach() for name, parameter in parameters.items()}
        gradients: dict[str, Tensor]
        losses: Tensor
        gradients, losses = gradients_of_all(detached, buffers, images, labels)
        for name, parameter in parameters.items():
            parameter.grad = gradients[name]
        optimizer.step()
        return losses

    return step


def train_array_of_others(
    runs: Sequence[RunConfig],
    data: ImageData,
    device: torch.device,
    stop: Stop,
    make_step: Callable[[Sequence[RunConfig], ImageData, torch.device], Step],
) -> list[Curve]:
    """Trains members that differ in their bits, on one order of the data; without reading losses at every step."""
    run = runs[0]
    if run.precision == "fp16":
        raise ValueError("fp16 needs a loss scale per member, which these arrays do not have")
    set_tf32(run.precision)
    step, epochs, dtype = make_step(runs, data, device), memory_epochs(run, data, device), master_dtype(run.precision)
    curve: list[Curve] = []
    for epoch in range(run.epochs):
        loss_sums = torch.zeros(len(runs), dtype=torch.float64, device=device)
        for images, labels in epochs(epoch):
            loss_sums += step(images.to(dtype), labels).double() * len(labels)
            if stop():
                return []
        curve.append((loss_sums / len(data.train)).tolist())
    return [list(losses) for losses in zip(*curve, strict=True)]
