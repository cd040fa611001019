"""The embedding network: a small residual network, GeM pooling, a linear neck to 256 dimensions, unit length.

Sized for CPUs: a wide first stride keeps the costly high-resolution maps small; dense 3 × 3 convolutions run faster
there than depthwise ones. Input: N × 3 × S × S, RGB in 0..1 (the normalisation is the network's first step). S is
free: training uses pictures of 80 to 128 px, and what is exported embeds several frames of a picture (`Framed`).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

DIM = 256
NO_PRODUCT = -1  # the label of pictures that show none
# Side in pixels of what the exported network takes, and which share of it, around the middle, each frame shows.
INPUT = 256
FRAMES = (1.0, 0.84, 0.67, 0.5)
# Of the inner product of two exported embeddings, the share of the trained embedding; the rest is the pooled features'.
TRAINED_SHARE = 0.6
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Size:
    """`widths` are the channels at strides 4, 8, 16 and 32, `depths` how many blocks there are of each; `side` is that of
    the exported network's frames in pixels.
    """

    widths: tuple[int, int, int, int]
    depths: tuple[int, int, int, int]
    side: int


SIZES = {"small": Size((32, 64, 128, 256), (1, 2, 2, 2), 128), "base": Size((48, 96, 192, 320), (1, 2, 4, 2), 128)}


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs))


class Residual(nn.Module):
    """Two 3 × 3 convolutions and a shortcut; where the size halves, the shortcut averages instead of dropping three
    pixels in four.
    """

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.body = nn.Sequential(conv(inputs, outputs, 3, stride), nn.ReLU(inplace=True), conv(outputs, outputs, 3))
        same = stride == 1 and inputs == outputs
        self.shortcut = (
            nn.Identity() if same else nn.Sequential(nn.AvgPool2d(stride, ceil_mode=True), conv(inputs, outputs, 1))
        )

    def forward(self, x):
        return F.relu(self.body(x) + self.shortcut(x))


def blocks(inputs: int, outputs: int, stride: int, count: int) -> list[Residual]:
    return [Residual(inputs, outputs, stride), *(Residual(outputs, outputs, 1) for _ in range(count - 1))]


class Body(nn.Module):
    """From pictures N × 3 × S × S in 0..1 to (the last map at stride 16, the last map, at stride 32)."""

    def __init__(self, size: Size):
        super().__init__()
        first, second, third, fourth = size.widths
        self.channels, self.middle_channels = fourth, third
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))
        self.stem = nn.Sequential(conv(3, first, 7, 4), nn.ReLU(inplace=True))
        quarter, eighth, sixteenth, last = size.depths
        self.to_sixteenth = nn.Sequential(
            *blocks(first, first, 1, quarter), *blocks(first, second, 2, eighth), *blocks(second, third, 2, sixteenth)
        )
        self.to_last = nn.Sequential(*blocks(third, fourth, 2, last))

    def forward(self, image):
        x = ((image - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        middle = self.to_sixteenth(self.stem(x))
        return middle, self.to_last(middle)


class Embedder(nn.Module):
    def __init__(self, size: Size):
        super().__init__()
        self.body = Body(size)
        self.neck = nn.Linear(size.widths[-1], DIM, bias=False)
        self.norm = nn.BatchNorm1d(DIM)

    def pooled(self, last):
        """Generalised-mean pooling with exponent 3: between average and maximum, so a small product in a large
        picture still counts.
        """
        x = last.float().clamp(min=1e-6)
        return (x * x * x).mean((2, 3)).pow(1 / 3)

    def embed(self, last):
        return self.embed_pooled(self.pooled(last))

    def embed_pooled(self, pooled):
        return F.normalize(self.norm(self.neck(pooled)))

    def forward(self, image):
        return self.embed(self.body(image)[1])


class Framed(nn.Module):
    """What is exported, from N × 3 × `INPUT` × `INPUT` to N × `DIM`. It looks at several frames of a picture, from the
    whole of it to its middle, every second one mirrored. Of each it takes the embedding and the pooled features that
    this is made from: the embedding tells our products apart, the features still hold what tells others apart. The mean
    over the frames is kept along the `DIM` directions that hold most of it (`find_axes`), again in unit length.
    """

    def __init__(self, net: Embedder, size: Size):
        super().__init__()
        self.net, self.side = net, size.side
        self.register_buffer("axes", torch.eye(DIM + size.widths[-1])[:, :DIM])

    def forward(self, image):
        return F.normalize(self.seen(image) @ self.axes)

    def seen(self, image):
        frames = [self.frame(image, share, number % 2 == 1) for number, share in enumerate(FRAMES)]
        pooled = self.net.pooled(self.net.body(torch.stack(frames, 1).flatten(0, 1))[1])
        parts = TRAINED_SHARE**0.5 * self.net.embed_pooled(pooled), (1 - TRAINED_SHARE) ** 0.5 * F.normalize(pooled)
        return F.normalize(torch.cat(parts, 1).unflatten(0, (-1, len(FRAMES))).sum(1))

    @torch.no_grad()
    def find_axes(self, batches) -> None:
        """Of what is seen in these batches of pictures: with these axes inner products change least."""
        self.eval()
        products = sum(seen.T @ seen for seen in (self.seen(batch).double() for batch in batches))
        self.axes.copy_(torch.linalg.eigh(products)[1][:, -DIM:])

    def frame(self, image, share: float, mirrored: bool):
        """Without antialiasing: no frame is made less than half as large (but in the smoke run), and by half bilinear
        scaling is the mean of four pixels.
        """
        size = round(INPUT * share)
        at = (INPUT - size) // 2
        part = image[:, :, at : at + size, at : at + size]
        part = F.interpolate(part, (self.side, self.side), mode="bilinear", align_corners=False)
        return part.flip(3) if mirrored else part


class CosineSoftmax(nn.Module):
    """One direction per product; the right one must win by a margin. Used in training only. `weight` says how much
    each product counts; pictures labelled `NO_PRODUCT` do not.
    """

    SCALE, MARGIN = 20.0, 0.15

    def __init__(self, weight: torch.Tensor):
        super().__init__()
        self.directions = nn.Parameter(torch.randn(len(weight), DIM) * 0.05)
        self.register_buffer("weight", weight)

    def forward(self, embedding, labels):
        cosine = embedding @ F.normalize(self.directions).T
        products = torch.arange(len(self.directions), device=labels.device)
        handicap = self.MARGIN * (labels.unsqueeze(1) == products)
        scores = (cosine - handicap) * self.SCALE
        losses = F.cross_entropy(scores, labels, weight=self.weight, ignore_index=NO_PRODUCT, reduction="sum")
        return losses / (self.weight[labels.clamp(min=0)] * (labels != NO_PRODUCT)).sum().clamp(min=1e-6)


def shorter_at_first(keep: float, step: int) -> float:
    """How much a running average keeps at a step: early on less, or it would remember the start."""
    return min(keep, (1 + step) / (10 + step))


@torch.no_grad()
def move(slow: nn.Module, fast: nn.Module, toward) -> None:
    """Moves a running average towards the trained network, by a share that is a number or a tensor."""
    for old, new in zip(slow.state_dict().values(), fast.state_dict().values(), strict=True):
        if old.dtype.is_floating_point:
            old.lerp_(new, toward)
        else:
            old.copy_(new)
