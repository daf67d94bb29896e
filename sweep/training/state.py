"""One run in training: all that its steps change, whichever engine takes them."""

import torch
from torch import Tensor, nn

from sweep.config.run import RunConfig
from sweep.data.interface import TrainingData
from sweep.models import build_model
from sweep.quantizers.parameters import positive_parameters
from sweep.quantizers.placement import quantize
from sweep.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from sweep.training.device import device_name
from sweep.training.files import save_tensors
from sweep.training.fitting import load_fitting
from sweep.training.parameter_groups import make_optimizer
from sweep.training.precision import master_dtype
from sweep.training.progress import Progress, TrainOptions
from sweep.training.result import TrainingResult
from sweep.training.updates.base import make_updates


def initial_model(run: RunConfig, data: TrainingData) -> nn.Module:
    """The unquantized network with the initial weights of `run.seed`, on the CPU whatever the device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        return build_model(run, data.channels, data.classes, data.image_size)


class TrainingState:
    """The quantized network of `run` on `device`, its optimizer and update rule, and where training is.

    It starts from random weights, or from `initial` ones, tensors by their names in the unquantized network; raises
    `ConfigError` where these do not fit.
    """

    def __init__(
        self, run: RunConfig, data: TrainingData, device: torch.device, initial: dict[str, Tensor] | None = None
    ) -> None:
        self.run, self.data, self.device = run, data, device
        model = initial_model(run, data)
        if initial is not None:
            load_fitting(model, initial, run, data.channels, data.classes, data.image_size)
        self.parameters = sum(p.numel() for p in model.parameters())
        self.master = master_dtype(run.precision)
        model = quantize(model, run).to(device, self.master, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.model: nn.Module = model
        self.positive = positive_parameters(model)
        self.optimizer = make_optimizer(model, run)
        self.scaler = torch.amp.GradScaler(device.type, enabled=run.precision == "fp16")
        self.updates = make_updates(run, model, self.optimizer, self.scaler)
        self.progress = Progress()
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=device)  # over the epoch's images
        self.clamped = torch.zeros((), dtype=torch.int64, device=device)
        self.best_weights: dict[str, Tensor] | None = None

    @property
    def ended(self) -> bool:
        return self.progress.diverged or self.progress.epoch == self.run.epochs

    def keep_best(self) -> None:
        """Copies the weights, which are those of the best epoch until now, to the CPU."""
        self.best_weights = {k: v.detach().cpu().clone() for k, v in self.model.state_dict().items()}

    def checkpoint(self, code: str) -> Checkpoint:
        """All of this run in training, made by `code`; its tensors are the ones that training changes."""
        return Checkpoint(
            code=code,
            model=self.model.state_dict(),
            optimizer=self.optimizer.state_dict()["state"],
            scaler=self.scaler.state_dict(),
            updates=self.updates.kept,
            progress=self.progress,
            loss_sum=self.loss_sum,
            clamped=self.clamped,
            best_weights=self.best_weights,
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Goes to where `checkpoint`, of the same run, was made."""
        self.model.load_state_dict(checkpoint.model)
        groups = self.optimizer.state_dict()["param_groups"]  # follow from the run: not in the checkpoint
        self.optimizer.load_state_dict({"state": checkpoint.optimizer, "param_groups": groups})
        self.scaler.load_state_dict(dict(checkpoint.scaler))
        self.updates.load(list(checkpoint.updates))
        self.progress = checkpoint.progress
        self.loss_sum.copy_(checkpoint.loss_sum)
        self.clamped.copy_(checkpoint.clamped)
        self.best_weights = None if checkpoint.best_weights is None else dict(checkpoint.best_weights)

    def resume(self, options: TrainOptions) -> None:
        """Goes to where the checkpoint of `options` is, if there is one of this run and code."""
        if options.checkpoint is None:
            return
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        with options.ranks.first_before_others():  # it sets a damaged one aside
            checkpoint = load_checkpoint(options.checkpoint, self.checkpoint(options.code), parameters)
        if checkpoint is not None:
            self.restore(checkpoint)

    def save(self, options: TrainOptions) -> None:
        """Writes the checkpoint of `options`, if they have one and this process is the one that writes."""
        if options.checkpoint is not None and options.ranks.is_first:
            save_checkpoint(options.checkpoint, self.checkpoint(options.code))

    def save_weights(self, options: TrainOptions) -> None:
        """Writes the initial and the best weights to where `options` keep them, if they do."""
        if options.weights is not None and self.best_weights is not None and options.ranks.is_first:
            initial = initial_model(self.run, self.data).state_dict()
            save_tensors(options.weights, {"initial": initial, "best": self.best_weights})

    def result(self, device: torch.device, array_size: int = 0) -> TrainingResult:
        """The result of a run that has ended on `device`: alone, or in an array of `array_size`."""
        progress, data = self.progress, self.data
        return TrainingResult(
            run_id=self.run.run_id,
            status="diverged" if progress.diverged else "finished",
            curve=tuple(progress.curve),
            epochs_trained=progress.epoch,
            at_chance=progress.at_chance(data),
            train_size=len(data.train),
            test_size=len(data.test),
            seconds=progress.seconds,
            parameters=self.parameters,
            step_sizes_clamped=int(self.clamped.item()),
            device=device_name(device),
            engine="array" if array_size else "plain",
            array_size=array_size or 1,
        )
