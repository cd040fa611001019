"""Muon for the convolutions of the residual blocks, AdamW for everything else, as one optimiser.

Muon (K. Jordan et al., 2024) makes every update of a matrix equally strong in all of its directions. In trials it came to
AdamW's losses in fewer steps, each of them somewhat dearer.
"""

import torch
from torch import nn


class MuonAndAdamW:
    """`blocks` are the modules whose convolutions Muon moves; `peak` is the learning rate of both, its updates being
    scaled to the size of AdamW's.
    """

    def __init__(self, whole: nn.Module, blocks: list[nn.Module], peak: float, weight_decay: float):
        convolutions = [m for block in blocks for m in block.modules() if isinstance(m, nn.Conv2d)]
        self.kernels = [convolution.weight for convolution in convolutions]
        # Muon wants matrices: these share their memory with the kernels, outputs × (height · width · inputs).
        self.matrices = [nn.Parameter(matrix(kernel.data)) for kernel in self.kernels]
        for kernel, same in zip(self.kernels, self.matrices, strict=True):
            if kernel.data_ptr() != same.data_ptr():
                raise ValueError("a kernel is not in the channels-last format, so Muon would move a copy of it")
        theirs = {id(kernel) for kernel in self.kernels}
        others = [parameter for parameter in whole.parameters() if id(parameter) not in theirs]
        self.peak = peak
        self.both = (
            torch.optim.Muon(self.matrices, lr=peak, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(others, lr=peak, weight_decay=weight_decay),
        )

    def set_rate(self, share: float) -> None:
        """`share` of the peak rate."""
        for optimiser in self.both:
            for group in optimiser.param_groups:
                group["lr"] = self.peak * share

    def zero_grad(self) -> None:
        for kernel in self.kernels:
            kernel.grad = None
        self.both[1].zero_grad(set_to_none=True)

    def step(self) -> None:
        for kernel, same in zip(self.kernels, self.matrices, strict=True):
            same.grad = matrix(kernel.grad)
        for optimiser in self.both:
            optimiser.step()

    def state_dict(self) -> list[dict]:
        return [optimiser.state_dict() for optimiser in self.both]

    def load_state_dict(self, states: list[dict]) -> None:
        for optimiser, state in zip(self.both, states, strict=True):
            optimiser.load_state_dict(state)


def matrix(kernel: torch.Tensor) -> torch.Tensor:
    return kernel.permute(0, 2, 3, 1).reshape(len(kernel), -1)
