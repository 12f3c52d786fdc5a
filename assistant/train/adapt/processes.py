"""The processes that `accelerate launch` started, each with a card of its own."""

from collections.abc import Sequence

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from assistant.errors import AssistantError
from assistant.train.adapt.steps import Share


class Processes:
    """Joins the processes of a run.

    Args:
        device: "auto", "cpu", "cuda" or "cuda:1"; of several processes each gets a card of its own.
    """

    def __init__(self, device: str = "auto") -> None:
        self._accelerator = Accelerator(cpu=device == "cpu")
        self.device = self._accelerator.device
        if self.size == 1 and device not in ("auto", "cpu"):
            if not torch.cuda.is_available():
                raise AssistantError(f"Device {device} was asked for, but no CUDA GPU is visible.")
            self.device = torch.device("cuda:0" if device == "cuda" else device)

    @property
    def size(self) -> int:
        """How many there are."""
        return self._accelerator.num_processes

    @property
    def is_first(self) -> bool:
        """Whether this one writes files and lines."""
        return self._accelerator.is_main_process

    @property
    def share(self) -> Share:
        """This one's part of a step."""
        return Share(self._accelerator.process_index, self.size)

    def wait(self) -> None:
        """Returns when all have come here."""
        self._accelerator.wait_for_everyone()

    def sum(self, *values: float) -> tuple[float, ...]:
        """Sums of figures over the processes."""
        if self.size == 1:
            return values
        total = self._accelerator.reduce(
            torch.tensor(values, dtype=torch.float64, device=self.device), reduction="sum"
        )
        return tuple(total.tolist())

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Replaces each gradient by its sum over the processes, in one message.

        A parameter without a gradient counts as zero: a step without molecules gives none.
        """
        if self.size == 1:
            return
        gradients = [_gradient(parameter) for parameter in parameters]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        flat = self._accelerator.reduce(flat, reduction="sum")
        parts = flat.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def end(self) -> None:
        """Ends what the first line began."""
        self._accelerator.end_training()


def _gradient(parameter: nn.Parameter) -> Tensor:
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return parameter.grad
