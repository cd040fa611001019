"""Random views of a batch of cached pictures: another crop, turn, mirror, light and an occlusion, at the size asked
for.
"""

import torch
import torch.nn.functional as F


def views(pixels: torch.Tensor, side: int, mirror: torch.Tensor) -> torch.Tensor:
    """From uint8 N × H × W × 3 to float N × 3 × side × side in 0..1. `mirror` says which pictures may be mirrored
    (not printed packages).
    """
    n = len(pixels)
    x = pixels.permute(0, 3, 1, 2).float() / 255
    angle = (torch.rand(n) - 0.5) * 0.6
    zoom = torch.empty(n).uniform_(0.45, 1.05)
    stretch = torch.empty(n).uniform_(0.9, 1.1)
    flip = 1 - 2 * (mirror & (torch.rand(n) < 0.5)).float()
    grid = torch.zeros(n, 2, 3)
    grid[:, 0, 0], grid[:, 0, 1] = torch.cos(angle) * zoom * stretch * flip, -torch.sin(angle) * zoom
    grid[:, 1, 0], grid[:, 1, 1] = torch.sin(angle) * zoom * flip, torch.cos(angle) * zoom / stretch
    grid[:, :, 2] = (torch.rand(n, 2) - 0.5) * (1.1 - zoom.clamp(max=1)).unsqueeze(1) * 1.6
    x = F.grid_sample(
        x, F.affine_grid(grid, (n, 3, side, side), align_corners=False), padding_mode="reflection", align_corners=False
    )
    x = x * torch.empty(n, 1, 1, 1).uniform_(0.65, 1.35) * torch.empty(n, 3, 1, 1).uniform_(0.9, 1.1)
    middle = x.mean((1, 2, 3), keepdim=True)
    x = (x - middle) * torch.empty(n, 1, 1, 1).uniform_(0.7, 1.3) + middle
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * torch.empty(n, 1, 1, 1).uniform_(0.7, 1.3)
    for k in torch.nonzero(torch.rand(n) < 0.35).flatten():
        h, w = torch.randint(side // 8, side // 3, (2,)).tolist()
        top, left = int(torch.randint(side - h, (1,))), int(torch.randint(side - w, (1,)))
        x[k, :, top : top + h, left : left + w] = torch.rand(3, 1, 1)
    return x.clamp(0, 1)
