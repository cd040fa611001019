"""Random views of a batch of pictures: first the camera's place (`reframe`), then its light (`relight`).

They are apart because the tutor answers for the reframed picture, and the student has to give the same answer in
another light.
"""

import math

import torch
import torch.nn.functional as F

from .machine import DEVICE


def between(low: float, high: float, *shape: int) -> torch.Tensor:
    return torch.empty(shape, device=DEVICE).uniform_(low, high)


def reframe(
    pixels: torch.Tensor, side: int, mirrored: torch.Tensor, upright: float = 3, closest: float = 0.42
) -> torch.Tensor:
    """Another crop, turn and stretch, and of those that are `mirrored` every second one's mirror image. From uint8
    N × H × W × 3 to float N × 3 × side × side in 0..1. `closest` is the smallest share of the picture's width that is
    seen. The angle is anything up to half a turn, as things are held askew and laid down before a till; the higher
    `upright`, the more are nearly upright (3: half of them within 23 degrees, three quarters within 76; 1: no more than
    at any other angle). Things are stretched along the picture's sides when upright, less when turned, not at all on
    their side.
    """
    n = len(pixels)
    x = pixels.to(DEVICE).permute(0, 3, 1, 2).float() / 255
    share = between(-1, 1, n)
    angle = math.pi * share * share.abs() ** (upright - 1)
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


def rectangles(n: int, side: int, smallest: float, largest: float) -> torch.Tensor:
    """Per picture a rectangle anywhere in it, from `smallest` to `largest` of its side wide and high: N × 1 × side ×
    side, true inside.
    """
    size = between(smallest, largest, n, 2) * side
    first = between(0, 1, n, 2) * (side - size)
    place = torch.arange(side, device=DEVICE) + 0.5
    inside = (place >= first.unsqueeze(2)) & (place < (first + size).unsqueeze(2))  # N × 2 × side
    return (inside[:, 0, :, None] & inside[:, 1, None, :]).unsqueeze(1)


def compose(x: torch.Tensor) -> torch.Tensor:
    """Into every second picture a rectangle of the next one, a third to three quarters as wide and high."""
    n, side = len(x), x.shape[-1]
    here = rectangles(n, side, 1 / 3, 3 / 4)
    here[1::2] = False
    return torch.where(here, x.roll(-1, 0), x)


def relight(picture: torch.Tensor, share: float = 1) -> torch.Tensor:
    """Another exposure, colour of light, contrast and saturation, and for a third of them something in the way. The
    ranges are wide: another store's light is what cost the first model most of its errors. With a `share` below 1 only
    so far from the picture as it was.
    """
    n, _, side, _ = picture.shape
    x = picture
    x = x.clamp(1e-3, 1).pow(between(-0.35, 0.35, n, 1, 1, 1).exp())
    x = x * between(0.55, 1.45, n, 1, 1, 1) * between(0.8, 1.2, n, 3, 1, 1)
    middle = x.mean((1, 2, 3), keepdim=True)
    x = (x - middle) * between(0.65, 1.35, n, 1, 1, 1) + middle
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * between(0.5, 1.5, n, 1, 1, 1)
    hidden = rectangles(n, side, 1 / 8, 1 / 3) & (between(0, 1, n, 1, 1, 1) < 0.35)
    x = torch.where(hidden, between(0, 1, n, 3, 1, 1), x).clamp(0, 1)
    return x if share == 1 else picture.lerp(x, share)
