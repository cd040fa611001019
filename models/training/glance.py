"""A first look at a network on `val`, in PyTorch, while it is still being made: one line.

The published figures are not these: `tillsight model evaluate` measures the exported file as the server uses it.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from .data import grocery
from .machine import DEVICE


def plain(pixels: np.ndarray, side: int) -> torch.Tensor:
    """Pictures as a network is fed them: N × 3 × side × side in 0..1, antialiased bilinear."""
    x = torch.from_numpy(pixels).to(DEVICE).permute(0, 3, 1, 2).float() / 255
    return F.interpolate(x, (side, side), mode="bilinear", antialias=True, align_corners=False)


def batches(pixels: np.ndarray, side: int):
    return (plain(pixels[at : at + 48], side) for at in range(0, len(pixels), 48))


@torch.no_grad()
def embeddings(net, pixels: np.ndarray, side: int) -> np.ndarray:
    net.eval()
    return np.concatenate([net(batch).cpu().numpy() for batch in batches(pixels, side)])


def nearest(queries, truth, gallery, owners) -> float:
    return float((owners[(queries @ gallery.T).argmax(1)] == truth).mean())


def best(queries, gallery, allowed=True) -> np.ndarray:
    """Each query's best score among what it is `allowed` to find."""
    return np.where(allowed, queries @ gallery.T, -1).max(1)


def area_under_curve(of_known: np.ndarray, of_unknown: np.ndarray) -> float:
    """How often a known one's score is above an unknown one's (Mann and Whitney 1947)."""
    return float((of_known[:, None] > of_unknown).mean() + (of_known[:, None] == of_unknown).mean() / 2)


def first(owners: np.ndarray, count: int) -> np.ndarray:
    """Row numbers of the first `count` pictures of each product."""
    return np.concatenate([np.flatnonzero(owners == p)[:count] for p in np.unique(owners)])


def report(what: str, net, side: int, data: Path, left_out: np.ndarray) -> None:
    """`left_out`: products that the network has not seen; they are then asked for by themselves too."""
    splits = {split: grocery(data, split) for split in ("train", "val", "iconic")}
    vectors = {split: embeddings(net, pictures.pixels, side) for split, pictures in splits.items()}
    owners = {split: pictures.products for split, pictures in splits.items()}
    asked, truth = vectors["val"], owners["val"]
    five = first(owners["train"], 5)
    shares = {
        "all photos": nearest(asked, truth, vectors["train"], owners["train"]),
        "five": nearest(asked, truth, vectors["train"][five], owners["train"][five]),
        "catalogue picture": nearest(asked, truth, vectors["iconic"], owners["iconic"]),
    }
    if len(left_out):
        unseen, known = np.isin(truth, left_out), np.isin(owners["train"], left_out)
        shares["unseen among themselves"] = nearest(
            asked[unseen], truth[unseen], vectors["train"][known], owners["train"][known]
        )
        shares["unseen among all"] = nearest(asked[unseen], truth[unseen], vectors["train"], owners["train"])
        enrolled = vectors["train"][~known]
        of_known, of_unknown = best(asked[~unseen], enrolled), best(asked[unseen], enrolled)
    else:
        of_known = best(asked, vectors["train"])
        of_unknown = best(asked, vectors["train"], truth[:, None] != owners["train"])
    told = ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
    area, accepted = area_under_curve(of_known, of_unknown), (of_unknown >= np.quantile(of_known, 0.05)).mean()
    told += f"; known against unknown: AUROC {area:.3f}, unknown accepted where 95 % of known are {accepted:.1%}"
    print(f"{what} on val at {side} px, nearest photo: {told}", flush=True)
