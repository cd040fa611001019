"""Muon for the convolutions of the residual blocks, AdamW for everything else, as one optimiser.

Muon (K. Jordan et al., 2024, https://kellerjordan.github.io/posts/muon) makes every update of a matrix equally strong in
all of its directions. In trials it came to AdamW's losses in fewer steps, each of them somewhat dearer. It is written
out here, and not PyTorch's, because kernels of one shape are worked on together and the rate is a tensor: so a step can
be recorded on a GPU and played again, which is several times as fast there (`recorded`).
"""

import torch
from torch import nn

from .machine import DEVICE

MOMENTUM = 0.95
# The quintic of the Newton–Schulz iteration and its five rounds, from the same source.
QUINTIC, ROUNDS = (3.4445, -4.7750, 2.0315), 5
# Muon's updates are as large as AdamW's are in general (J. Liu et al. 2025, "Muon is scalable for LLM training").
SIZE_OF_ADAMW = 0.2


class MuonAndAdamW:
    """`blocks` are the modules whose convolutions Muon moves; `peak` is the learning rate of both, its updates being
    scaled to the size of AdamW's. What needs no gradient stays as it is.
    """

    def __init__(self, whole: nn.Module, blocks: list[nn.Module], peak: float, weight_decay: float):
        learned = [parameter for parameter in whole.parameters() if parameter.requires_grad]
        inside = [m.weight for block in blocks for m in block.modules() if isinstance(m, nn.Conv2d)]
        kernels = [kernel for kernel in inside if kernel.requires_grad]
        theirs = {id(kernel) for kernel in kernels}
        shapes = dict.fromkeys(kernel.shape for kernel in kernels)
        self.alike = [[kernel for kernel in kernels if kernel.shape == shape] for shape in shapes]
        self.momenta = [torch.zeros_like(matrices(group)) for group in self.alike]
        self.peak, self.weight_decay = peak, weight_decay
        self.rate = torch.zeros((), device=DEVICE)
        recordable = DEVICE.type == "cuda"
        self.adamw = torch.optim.AdamW(
            [parameter for parameter in learned if id(parameter) not in theirs],
            lr=torch.zeros((), device=DEVICE) if recordable else 0.0,
            weight_decay=weight_decay,
            capturable=recordable,
        )

    def set_rate(self, share: float) -> None:
        """`share` of the peak rate."""
        self.rate.fill_(self.peak * share)
        for group in self.adamw.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(self.peak * share)
            else:
                group["lr"] = self.peak * share

    def zero_grad(self) -> None:
        for kernel in (kernel for group in self.alike for kernel in group):
            kernel.grad = None
        self.adamw.zero_grad(set_to_none=True)

    @torch.no_grad()
    def step(self) -> None:
        self.adamw.step()
        kept = 1 - self.rate * self.weight_decay
        for kernels, momentum in zip(self.alike, self.momenta, strict=True):
            gradients = matrices([kernel.grad for kernel in kernels])
            momentum.lerp_(gradients, 1 - MOMENTUM)
            updates = equally_strong(gradients.lerp(momentum, MOMENTUM))
            size = SIZE_OF_ADAMW * max(updates.shape[1:]) ** 0.5
            for kernel, update in zip(kernels, updates, strict=True):
                kernel.mul_(kept)
                kernel.sub_(update.view(kernel.shape) * (self.rate * size))

    def state_dict(self) -> dict:
        return {"momenta": self.momenta, "adamw": self.adamw.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        self.momenta = [momentum.clone() for momentum in state["momenta"]]
        self.adamw.load_state_dict(state["adamw"])


def matrices(kernels: list[torch.Tensor]) -> torch.Tensor:
    """Kernels of one shape as N × outputs × (inputs · height · width)."""
    return torch.stack([kernel.flatten(1) for kernel in kernels])


def equally_strong(updates: torch.Tensor) -> torch.Tensor:
    """Of each matrix one with the same singular vectors, whose singular values are near 1 (0.7 to 1.2).

    Each round multiplies the matrix by a polynomial in its product with itself, A = X Xᵀ, and the next round's A is that
    polynomial twice over this one's; so the rounds work on the small A alone, and the wide matrix is used twice, not ten
    times. In float32, as A's singular values are squares.
    """
    tall = updates.shape[1] > updates.shape[2]
    x = updates.mT if tall else updates
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    first, third, fifth = QUINTIC
    product, whole = x @ x.mT, None
    for number in range(ROUNDS):
        factor = torch.baddbmm(product, product, product, beta=third, alpha=fifth)
        factor.diagonal(dim1=1, dim2=2).add_(first)
        whole = factor if whole is None else factor @ whole
        if number + 1 < ROUNDS:
            product = factor @ product @ factor
    x = whole @ x
    return x.mT if tall else x
