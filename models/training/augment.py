"""Random views of a batch of pictures: first the camera's place (`reframe`), then its light (`relight`).

They are apart because the tutor answers for the reframed picture, and the student has to give the same answer in
another light.
"""

import torch
import torch.nn.functional as F

from .machine import DEVICE


def between(low: float, high: float, *shape: int) -> torch.Tensor:
    return torch.empty(shape, device=DEVICE).uniform_(low, high)


def reframe(
    pixels: torch.Tensor, side: int, mirrored: torch.Tensor, turn: float = 0.27, closest: float = 0.42
) -> torch.Tensor:
    """Another crop, turn and stretch, and of those that are `mirrored` every second one's mirror image. From uint8
    N × H × W × 3 to float N × 3 × side × side in 0..1. `turn` is the largest angle in radians (0.27 is 15 degrees),
    `closest` the smallest share of the picture's width that is seen.
    """
    n = len(pixels)
    x = pixels.to(DEVICE).permute(0, 3, 1, 2).float() / 255
    angle = between(-turn, turn, n)
    zoom = between(closest, 1.03, n)
    stretch = between(0.85, 1.18, n)
    flip = 1 - 2 * ((between(0, 1, n) < 0.5) & mirrored.to(DEVICE)).float()
    grid = torch.zeros(n, 2, 3, device=DEVICE)
    grid[:, 0, 0], grid[:, 0, 1] = torch.cos(angle) * zoom * stretch * flip, -torch.sin(angle) * zoom
    grid[:, 1, 0], grid[:, 1, 1] = torch.sin(angle) * zoom * flip, torch.cos(angle) * zoom / stretch
    # The closer the crop, the further it may lie from the middle; 0.8 keeps most of the product inside.
    grid[:, :, 2] = between(-0.8, 0.8, n, 2) * (1.1 - zoom.clamp(max=1)).unsqueeze(1)
    grid = F.affine_grid(grid, (n, 3, side, side), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)


def compose(x: torch.Tensor) -> torch.Tensor:
    """Into every second picture a rectangle of the next one, a third to three quarters as wide and high."""
    n, _, _, side = x.shape
    y = x.clone()
    for k in range(0, n - 1, 2):
        h, w = torch.randint(side // 3, side * 3 // 4, (2,)).tolist()
        top, left = int(torch.randint(side - h, (1,))), int(torch.randint(side - w, (1,)))
        y[k, :, top : top + h, left : left + w] = x[k + 1, :, top : top + h, left : left + w]
    return y


def relight(x: torch.Tensor) -> torch.Tensor:
    """Another exposure, colour of light, contrast and saturation, and for a third of them something in the way. The
    ranges are wide: another store's light is what cost the first model most of its errors.
    """
    n, _, side, _ = x.shape
    x = x.clamp(1e-3, 1).pow(between(-0.35, 0.35, n, 1, 1, 1).exp())
    x = x * between(0.55, 1.45, n, 1, 1, 1) * between(0.8, 1.2, n, 3, 1, 1)
    middle = x.mean((1, 2, 3), keepdim=True)
    x = (x - middle) * between(0.65, 1.35, n, 1, 1, 1) + middle
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * between(0.5, 1.5, n, 1, 1, 1)
    for k in torch.nonzero(torch.rand(n) < 0.35).flatten():
        h, w = torch.randint(side // 8, side // 3, (2,)).tolist()
        top, left = int(torch.randint(side - h, (1,))), int(torch.randint(side - w, (1,)))
        x[k, :, top : top + h, left : left + w] = between(0, 1, 3, 1, 1)
    return x.clamp(0, 1)
