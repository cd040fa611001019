"""The frames of a picture that the exported network looks at.

python tests/training/frames.py MODELS_FOLDER
"""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(sys.argv[1])))

from checks import check  # noqa: E402
from training import network  # noqa: E402

SIDE, WIDTH = 32, 8
SIZE = network.Size((2, 2, 4, WIDTH), (1, 1, 1, 1), SIDE)


class Colours(torch.nn.Module):
    """In the place of a network: says the mean colour of either half of each frame, and remembers the frames."""

    def body(self, frames):
        self.frames = frames
        return None, frames

    def pooled(self, last):
        sides = torch.cat([half.mean((2, 3)) for half in last.split(SIDE // 2, 3)], 1)
        return F.pad(sides, (0, WIDTH - sides.shape[1]))

    def embed_pooled(self, pooled):
        return F.normalize(F.pad(pooled.flip(1), (0, network.DIM - WIDTH)))


colours = Colours()
framed = network.Framed(colours, SIZE)
count = len(network.FRAMES)
pictures = torch.zeros(2, 3, network.INPUT, network.INPUT)
pictures[0, 0, :, : network.INPUT // 2] = 1  # of the first one the left half is red
quarter = network.INPUT // 4
pictures[1, 1, quarter : 3 * quarter, quarter : 3 * quarter] = 1  # of the second one the middle is green
embeddings = framed(pictures)
frames = colours.frames.reshape(2, count, 3, SIDE, SIDE)

check("an embedding has unit length", torch.allclose(embeddings.norm(dim=1), torch.ones(2)))
alone = torch.cat([framed(pictures[n : n + 1]) for n in range(2)])
check("a picture says the same alone", torch.allclose(alone, embeddings))
left, right = (frames[0, :, 0, :, part].mean((1, 2)) > 0.99 for part in (slice(0, 14), slice(18, SIDE)))
check("every second frame is mirrored", left.tolist() == [n % 2 == 0 for n in range(count)])
check("and only its sides change", right.tolist() == [n % 2 == 1 for n in range(count)])
green = frames[1, :, 1].mean((1, 2)).tolist()
wanted = [min(1.0, (0.5 / share) ** 2) for share in network.FRAMES]
check("each shows its share around the middle", all(abs(a - b) < 0.03 for a, b in zip(green, wanted, strict=True)))
noise = torch.rand(1, 3, network.INPUT, network.INPUT)
framed.side = network.INPUT // 2
half = framed.frame(noise, 1.0, False)
check("by half it is the mean of four pixels", torch.allclose(half, F.avg_pool2d(noise, 2), atol=1e-6))
check("no frame is made smaller than that", all(network.INPUT <= 2 * size.side for size in network.SIZES.values()))

# What is exported of a network beside its embedding, and along which axes.
torch.manual_seed(1)
net = network.Embedder(SIZE).eval()
framed = network.Framed(net, SIZE).eval()
pictures = torch.rand(300, 3, network.INPUT, network.INPUT) * torch.rand(300, 3, 1, 1)
with torch.no_grad():
    frames = torch.stack([framed.frame(pictures, share, n % 2 == 1) for n, share in enumerate(network.FRAMES)], 1)
    pooled = net.pooled(net.body(frames.flatten(0, 1))[1])
    shares = (network.TRAINED_SHARE, net(frames.flatten(0, 1))), (1 - network.TRAINED_SHARE, F.normalize(pooled))
    both = torch.cat([share**0.5 * part for share, part in shares], 1).reshape(300, count, -1).mean(1)
    whole = F.normalize(both) @ F.normalize(both).T
    check("what is seen is both", torch.allclose(framed.seen(pictures) @ framed.seen(pictures).T, whole, atol=1e-5))
    framed.find_axes(pictures.split(100))
    told = framed(pictures)
    off = float((told @ told.T - whole).abs().max())
check(f"as many numbers as an embedding has say the same ({off:.4f})", told.shape == (300, network.DIM) and off < 1e-3)
print("all as it must be")
