"""From the trained network to the two files the server reads: the ONNX graph and its manifest.

Both are written under a temporary name and renamed, the graph first, so that a reader never sees a manifest without
its file.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch

from .network import DIM, Embedder

VERSION, OPSET = "2", 17
MAX_BYTES = 30_000_000


def write_graph(net: Embedder, side: int, path: Path) -> None:
    """Export, check, and only then put the file in its place. The graph takes RGB in 0..1: its normalisation is
    inside.
    """
    net.eval()
    unfinished = path.with_suffix(".part.onnx")
    torch.onnx.export(
        net,
        (torch.rand(2, 3, side, side),),
        unfinished,
        input_names=["image"],
        output_names=["embedding"],
        dynamic_axes={"image": {0: "n"}, "embedding": {0: "n"}},
        opset_version=OPSET,
        dynamo=False,
    )
    onnx.checker.check_model(unfinished)
    verify(net, side, unfinished)
    unfinished.replace(path)


@torch.no_grad()
def verify(net: Embedder, side: int, path: Path) -> None:
    """The file must say what the network says, alone and in a batch, in unit length, and fit its limits."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise SystemExit(f"{path}: {size} bytes, more than the {MAX_BYTES} a shipped model may have")
    pictures = np.random.default_rng(0).random((5, 3, side, side), np.float32)
    pictures[1] *= 0.2
    pictures[2] = pictures[2].mean()
    session = ort.InferenceSession(path)
    together = session.run(["embedding"], {"image": pictures})[0]
    alone = np.concatenate([session.run(["embedding"], {"image": p[None]})[0] for p in pictures])
    torch_says = net(torch.from_numpy(pictures)).numpy()
    if together.shape != (5, DIM):
        raise SystemExit(f"{path}: output shape {together.shape}, wanted (5, {DIM})")
    for what, other in (("PyTorch", torch_says), ("batch size 1", alone)):
        worst = float((together * other).sum(1).min())
        if not worst > 0.9999:
            raise SystemExit(f"{path}: cosine {worst:.6f} between ONNX Runtime in a batch of 5 and {what}")
        print(f"ONNX Runtime, batch of 5, against {what}: smallest cosine {worst:.7f}")
    length = np.abs(np.linalg.norm(together, axis=1) - 1).max()
    print(f"largest deviation from unit length {length:.1e}; {size / 1e6:.2f} MB")


def write_manifest(path: Path, name: str, graph: Path, side: int) -> None:
    """The thresholds are a guess without an operating point, until `tillsight model calibrate` has set them."""
    manifest = {
        "name": name,
        "version": VERSION,
        "file": graph.name,
        "sha256": hashlib.sha256(graph.read_bytes()).hexdigest(),
        "input": {
            "name": "image",
            "width": side,
            "height": side,
            "color": "rgb",
            "range": 1,
            "mean": [0.0, 0.0, 0.0],
            "std": [1.0, 1.0, 1.0],
            "resize": "crop",
            "filter": "bilinear",
        },
        "output": {"name": "embedding", "dim": DIM},
        "thresholds": {"score": 0.5, "margin": 0.05},
    }
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(manifest, indent=2) + "\n")
    unfinished.replace(path)
