"""The embedding network: a small residual network, GeM pooling, a linear neck to 256 dimensions, unit length.

Sized for CPUs: a wide first stride keeps the costly high-resolution maps small; dense 3 × 3 convolutions run faster
there than depthwise ones. Input: N × 3 × S × S, RGB in 0..1 (the normalisation is the network's first step). S is
free: training starts small and ends at full size.
"""

import torch
import torch.nn.functional as F
from torch import nn

DIM = 256
WIDTHS = (32, 64, 128, 256)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


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


class Embedder(nn.Module):
    def __init__(self):
        super().__init__()
        first, second, third, fourth = WIDTHS
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))
        self.stem = nn.Sequential(conv(3, first, 7, 4), nn.ReLU(inplace=True))
        self.stages = nn.Sequential(
            Residual(first, first, 1),
            Residual(first, second, 2),
            Residual(second, second, 1),
            Residual(second, third, 2),
            Residual(third, third, 1),
            Residual(third, fourth, 2),
            Residual(fourth, fourth, 1),
        )
        self.neck = nn.Linear(fourth, DIM, bias=False)
        self.norm = nn.BatchNorm1d(DIM)

    def pooled(self, image):
        """Generalised-mean pooling with exponent 3: between average and maximum, so a small product in a large
        picture still counts.
        """
        x = ((image - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        x = self.stages(self.stem(x)).clamp(min=1e-6)
        return (x * x * x).mean((2, 3)).pow(1 / 3)

    def head(self, pooled):
        return F.normalize(self.norm(self.neck(pooled)))

    def forward(self, image):
        return self.head(self.pooled(image))


class CosineSoftmax(nn.Module):
    """One direction per product; the right one must win by a margin. Used in training only."""

    SCALE, MARGIN, SMOOTHING = 20.0, 0.15, 0.05

    def __init__(self, products: int, weight=None):
        super().__init__()
        self.directions = nn.Parameter(torch.randn(products, DIM) * 0.01)
        self.register_buffer("weight", weight)

    def forward(self, embedding, labels):
        cosine = embedding @ F.normalize(self.directions).T
        handicap = self.MARGIN * F.one_hot(labels, len(self.directions))
        return F.cross_entropy(
            (cosine - handicap) * self.SCALE, labels, weight=self.weight, label_smoothing=self.SMOOTHING
        )
