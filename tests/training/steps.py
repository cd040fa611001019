"""What a step of the training consists of: the optimiser, grids, pieces of pictures, the running average.

python tests/training/steps.py MODELS_FOLDER
"""

import math
import sys
from pathlib import Path
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, str(Path(sys.argv[1])))

from checks import check  # noqa: E402
from training import augment, network, recorded, student  # noqa: E402
from training.optimiser import MuonAndAdamW, equally_strong  # noqa: E402

torch.manual_seed(1)


# Muon moves the kernels of the blocks as PyTorch's does, wide, tall and square ones, several of one shape together, and
# AdamW the rest.
blocks = nn.Sequential(
    nn.Conv2d(6, 8, 3), nn.Conv2d(8, 8, 3), nn.Conv2d(8, 8, 3), nn.Conv2d(8, 24, 1), nn.Conv2d(24, 24, 1)
)
whole = nn.Sequential(blocks, nn.Linear(24, 5)).to(memory_format=torch.channels_last)
ours = MuonAndAdamW(whole, [blocks], peak=0.01, weight_decay=0.05)
kernels = [block.weight for block in blocks]
matrices = [nn.Parameter(kernel.detach().clone().flatten(1)) for kernel in kernels]
others = [p for p in whole.parameters() if not any(p is kernel for kernel in kernels)]
copies = [nn.Parameter(each.detach().clone()) for each in others]
theirs = (
    torch.optim.Muon(matrices, lr=0.005, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
    torch.optim.AdamW(copies, lr=0.005, weight_decay=0.05),
)
for _ in range(4):
    ours.set_rate(0.5)
    for mine, other in [*zip(kernels, matrices, strict=True), *zip(others, copies, strict=True)]:
        mine.grad = torch.randn_like(mine)
        other.grad = mine.grad.reshape(other.shape).clone()
    ours.step()
    for each in theirs:
        each.step()
near = [
    float((a.flatten(1) - b).detach().abs().max() / b.detach().abs().max())
    for a, b in zip(kernels, matrices, strict=True)
]
check(f"Muon is PyTorch's ({max(near):.4f})", max(near) < 0.01)
check("AdamW is PyTorch's", all(torch.allclose(a, b, atol=1e-6) for a, b in zip(others, copies, strict=True)))
strengths = torch.linalg.svdvals(equally_strong(torch.randn(2, 12, 40)))
check("all directions of an update are alike", bool((strengths > 0.5).all() and (strengths < 1.3).all()))

# Grids.
maps = torch.randn(2, 3, 9, 9)
check("coarser", torch.allclose(student.on_grid(maps, 4), F.adaptive_avg_pool2d(maps, 4), atol=1e-5))
finer = F.interpolate(maps, (12, 12), mode="bilinear", align_corners=False)
check("finer", torch.allclose(student.on_grid(maps, 12), finer, atol=1e-5))

# The clock, over a number of steps that its rounds do not divide: rate and size of the pictures, in each round anew.
clock = SimpleNamespace(steps=301, recipe=student.Recipe(rounds=2, sides=((0.0, 80), (0.5, 96), (0.9, 128))))
clock.in_round = lambda step: student.Course.in_round(clock, step)
rates = [student.Course.rate(clock, step) for step in range(clock.steps)]
sides = [student.Course.side(clock, step) for step in range(clock.steps)]
peaks = [step for step in range(1, 300) if rates[step - 1] < rates[step] > rates[step + 1]]
check(
    "each round rises, the second half as far",
    len(peaks) == 2 and abs(max(rates) - 1) < 0.01 and abs(rates[peaks[1]] - 0.5) < 0.01,
)
check("each round falls to nearly nothing", rates[150] < 0.003 and rates[300] < 0.0015 and rates[0] == 0.05)
check("in each round pictures grow", sides == [80] * 76 + [96] * 60 + [128] * 15 + [80] * 75 + [96] * 60 + [128] * 15)


# Turned pictures: on ramps, red to the right and green downwards, the place of the camera can be read off.
def axes(upright: float, mirrored: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Of 2 000 pictures the angle in radians, and whether they are mirrored."""
    ramp = (torch.arange(64) * 4).to(torch.uint8)
    ramps = torch.stack([ramp.expand(64, 64), ramp.expand(64, 64).T, torch.zeros(64, 64, dtype=torch.uint8)], 2)
    seen = augment.reframe(ramps.expand(2000, 64, 64, 3), 16, torch.full((2000,), mirrored), upright=upright)
    across, down = seen[:, :2, 8, 9] - seen[:, :2, 8, 8], seen[:, :2, 9, 8] - seen[:, :2, 8, 8]
    cosine = (across[:, 0] * down[:, 1]).abs().sqrt() * down[:, 1].sign()
    return torch.atan2(-down[:, 0], cosine), across[:, 0] * down[:, 1] < across[:, 1] * down[:, 0]


angles, flipped = axes(upright=3, mirrored=False)
quartiles = [float(angles.abs().quantile(share)) * 180 / math.pi for share in (0.5, 0.75)]
check(f"nearly upright most often {quartiles}", abs(quartiles[0] - 22.5) < 4 and abs(quartiles[1] - 76) < 8)
check("to both sides", 0.45 < float((angles > 0).float().mean()) < 0.55 and not bool(flipped.any()))
angles, flipped = axes(upright=1, mirrored=True)
even = [float(angles.quantile(share)) / math.pi for share in (0.25, 0.5, 0.75)]
check(
    f"at any angle alike {even}", all(abs(each - want) < 0.07 for each, want in zip(even, (-0.5, 0, 0.5), strict=True))
)
check("every second one mirrored", 0.45 < float(flipped.float().mean()) < 0.55)

# Pieces of pictures.
inside = augment.rectangles(400, 64, 1 / 8, 1 / 3)
wide, high = inside.any(2).sum(-1).flatten(), inside.any(3).sum(-1).flatten()
check("sizes", 7 <= int(wide.min()) and int(wide.max()) <= 22 and 7 <= int(high.min()) and int(high.max()) <= 22)
check("areas", torch.equal(inside.sum((1, 2, 3)), wide * high))
check("anywhere", bool(inside.any(0)[0, 2].any() and inside.any(0)[0, -3].any()))
pictures = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 3, 30, 30)
composed = augment.compose(pictures)
check(
    "every second one",
    [sorted(set(each.flatten().tolist())) for each in composed] == [[0.0, 1.0], [1.0], [2.0, 3.0], [3.0]],
)
picture = torch.rand(6, 3, 40, 40)
torch.manual_seed(2)
relit = augment.relight(picture)
check("light", relit.shape == (6, 3, 40, 40) and float(relit.min()) >= 0 and float(relit.max()) <= 1)
torch.manual_seed(2)
check("half the light", torch.allclose(augment.relight(picture, 0.5), (picture + relit) / 2, atol=1e-6))

# On a processor a recorded step is taken every time.
taken = []
step = recorded.Recorded(lambda: taken.append(1))
for _ in range(recorded.STEPS_BEFORE + 3):
    step()
check("every step", len(taken) == recorded.STEPS_BEFORE + 3)

# The running average: short at first, then long; what is no number is taken over.
slow, fast = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
fast.running_mean.fill_(1.0)
fast.num_batches_tracked.fill_(7)
network.move(slow, fast, torch.tensor(0.25))
check("average", slow.running_mean.tolist() == [0.25, 0.25] and int(slow.num_batches_tracked) == 7)
check("short at first", network.shorter_at_first(0.99, 1) == 2 / 11 and network.shorter_at_first(0.99, 10_000) == 0.99)
print("all as it must be")
