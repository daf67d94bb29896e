"""Plain weights from what training kept, and folding."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sweep.config.checks import ConfigError
from sweep.config.run import RunConfig
from sweep.data.arrays import ImageArrays
from sweep.data.device import ImageData
from sweep.training.evaluate import evaluate
from sweep.training.plain import train
from sweep.training.progress import TrainOptions
from sweep.training.weights import counted_names, flatten, fold, load_trained, materialise, quantizers
from tests.conftest import tiny_run
from tests.measures.tiny import PlainLinear, random_nin
from tests.training.rows import row_of

CPU = torch.device("cpu")


def kept(run: RunConfig, arrays: ImageArrays, path: Path) -> tuple[dict[str, Any], ImageData, dict[str, Any]]:
    data = ImageData(arrays, run, CPU)
    result = train(run, data, CPU, TrainOptions(code="test", weights=path))
    return torch.load(path, weights_only=True), data, row_of(result)


@pytest.mark.parametrize("bits", [2, 4, 32])
def test_materialised_weights_are_the_quantized_network(bits: int, digit_arrays: ImageArrays, tmp_path: Path) -> None:
    run = tiny_run(bits=bits, first_last="8")
    state, data, result = kept(run, digit_arrays, tmp_path / "w.pt")
    initial, trained = load_trained(state, run, data)
    plain = materialise(initial, trained)
    assert set(plain.state_dict()) == set(state["initial"])
    for model in (plain, fold(plain)):
        assert evaluate(model, data, data.train, "fp32").loss == pytest.approx(result["train_loss"], rel=1e-5)
        assert evaluate(model, data, data.train, "fp32").acc == result["train_acc"]
    if bits == 2:
        assert len(plain.get_parameter("features.1.0.weight").unique()) <= 4
        assert len(plain.get_parameter("head.0.weight").unique()) > 4


def test_latent_weights_and_quantizers(digit_arrays: ImageArrays, tmp_path: Path) -> None:
    run = tiny_run(bits=2)
    state, data, _ = kept(run, digit_arrays, tmp_path / "w.pt")
    initial, trained = load_trained(state, run, data)
    latent, plain = materialise(initial, trained, quantized=False), materialise(initial, trained)
    name = "features.0.0.weight"
    assert torch.equal(
        latent.get_parameter(name), state["best"][name.replace("weight", "parametrizations.weight.original")]
    )
    found = quantizers(trained)
    assert list(found) == counted_names(plain)
    for name, quantizer in found.items():
        assert torch.equal(quantizer(latent.get_parameter(name)), plain.get_parameter(name))


def test_folding_keeps_the_function_to_float64_rounding() -> None:
    model, images = random_nin(), torch.randn(5, 1, 9, 8, dtype=torch.float64)
    folded = fold(model)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    torch.testing.assert_close(folded(images), model(images), rtol=1e-12, atol=1e-13)
    assert any(isinstance(module, nn.BatchNorm2d) for module in model.modules())


class _Residual(nn.Module):
    """Convolutions without bias, a shortcut, one convolution used twice, and a BN that follows a ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3)
        self.shared, self.bn_of_shared = nn.Conv2d(3, 3, 1, bias=False), nn.BatchNorm2d(3)
        self.bn_after_relu = nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        y = self.shared(x)
        out: Tensor = self.bn_after_relu(torch.relu(self.bn_of_shared(y) + y))
        return out


def test_only_a_bn_that_alone_follows_a_convolution_is_folded() -> None:
    torch.manual_seed(0)
    model = _Residual().double()
    model(torch.randn(8, 2, 6, 6, dtype=torch.float64))  # statistics that are not 0 and 1
    model.eval()
    folded, images = fold(model), torch.randn(3, 2, 6, 6, dtype=torch.float64)
    torch.testing.assert_close(folded(images), model(images), rtol=1e-12, atol=1e-13)
    kinds = {name: type(module) for name, module in folded.named_children()}
    assert kinds["bn"] is nn.Identity
    assert kinds["bn_of_shared"] is kinds["bn_after_relu"] is nn.BatchNorm2d
    assert folded.get_parameter("conv.bias") is not None


def test_counted_weights_are_those_of_convolutions_and_linear_layers() -> None:
    model = random_nin(channels=4, depth=1)
    assert counted_names(model) == [f"features.{i}.0.weight" for i in range(3)] + ["head.0.weight"]
    assert len(flatten(model, counted_names(model))) == 9 * 4 + 16 + 16 + 40
    assert counted_names(PlainLinear(torch.ones(2, 3))) == ["linear.weight"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 3}, r"the initial weights are not those of nin with depth=2, width=3, .*features.0.0.bias: \(4,\), "
                       r"needed \(6,\).*and \d+ more. Use them with the run that trained them"),
        ({"depth": 1}, r"features.3.0.bias: \(4,\), needed none"),
        ({"bits": 32}, r"the best weights are not those of .* bits=32: .*parametrizations.weight.0.step_size: \(\), "),
    ],
)  # fmt: skip
def test_weights_of_another_architecture(
    changes: dict[str, object], message: str, digit_arrays: ImageArrays, tmp_path: Path
) -> None:
    state, data, _ = kept(tiny_run(epochs=1), digit_arrays, tmp_path / "w.pt")
    with pytest.raises(ConfigError, match=message):
        load_trained(state, tiny_run(epochs=1, **changes), data)


@pytest.mark.parametrize(("state", "given"), [({}, "none"), ({"initial": {}}, "initial")])
def test_weights_that_were_not_kept(state: dict[str, Any], given: str, digit_arrays: ImageArrays) -> None:
    run = tiny_run()
    with pytest.raises(ConfigError, match=f"kept weights have {given}: needed are initial and best"):
        load_trained(state, run, ImageData(digit_arrays, run, CPU))
