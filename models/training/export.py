"""From the trained network to what the server reads: ONNX graphs and their manifests.

All graphs are complete and checked before any of them takes its place.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from torch import nn

from .network import DIM
from .quantise import compare, quantise

VERSION, OPSET = "7", 17
MAX_BYTES = 30_000_000


def publish(net: nn.Module, side: int, name: str, folder: Path, pictures: tuple[np.ndarray, np.ndarray]) -> None:
    """`name`.onnx in 8-bit integers, which is what the server takes by default, and `name`-fp32.onnx, each with its
    manifest. The graphs take RGB in 0..1, N × 3 × side × side: their normalisation is inside. `pictures` as they are
    fed: those that the integers' ranges are fitted on, and others to check them with.
    """
    net.eval()
    small, whole = folder / f"{name}.onnx", folder / f"{name}-fp32.onnx"
    parts = {file: file.with_suffix(".part.onnx") for file in (small, whole)}
    torch.onnx.export(
        net,
        (torch.rand(2, 3, side, side),),
        parts[whole],
        input_names=["image"],
        output_names=["embedding"],
        dynamic_axes={"image": {0: "n"}, "embedding": {0: "n"}},
        opset_version=OPSET,
        dynamo=False,
    )
    fitted_on, others = pictures
    quantise(parts[whole], fitted_on, parts[small])
    compare(parts[whole], parts[small], others)
    with torch.no_grad():
        torch_says = net(torch.from_numpy(others[:16])).numpy()
    verify(parts[whole], others[:16], torch_says)
    verify(parts[small], others[:16], None)
    for file, part in parts.items():
        part.replace(file)
        write_manifest(file.with_suffix(".json"), file.stem, file, side)


def verify(path: Path, pictures: np.ndarray, torch_says: np.ndarray | None) -> None:
    """The file must say what the network says, and the same alone and in a batch, in unit length, and fit its
    limits.
    """
    onnx.checker.check_model(path)
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise SystemExit(f"{path}: {size} bytes, more than the {MAX_BYTES} a shipped model may have")
    session = ort.InferenceSession(path)
    together = session.run(["embedding"], {"image": pictures})[0]
    alone = np.concatenate([session.run(["embedding"], {"image": p[None]})[0] for p in pictures])
    if together.shape != (len(pictures), DIM):
        raise SystemExit(f"{path}: output shape {together.shape}, wanted {(len(pictures), DIM)}")
    for what, other in (("PyTorch", torch_says), ("one at a time", alone)):
        if other is None:
            continue
        worst = float((together * other).sum(1).min())
        if not worst > 0.9999:
            raise SystemExit(f"{path}: cosine {worst:.6f} between ONNX Runtime in a batch and {what}")
        print(f"{path.name}: ONNX Runtime in a batch against {what}: smallest cosine {worst:.7f}")
    length = np.abs(np.linalg.norm(together, axis=1) - 1).max()
    if length > 1e-4:
        raise SystemExit(f"{path}: an embedding's length is off by {length:.1e}")
    print(f"{path.name}: {size / 1e6:.2f} MB")


def write_manifest(path: Path, name: str, graph: Path, side: int) -> None:
    """The thresholds are a guess without an operating point, until `tillsight model calibrate` has set them. Those of a
    manifest that is there already stay where it is of the same graph.
    """
    sha256 = hashlib.sha256(graph.read_bytes()).hexdigest()
    there = json.loads(path.read_text()) if path.is_file() else {}
    # The guess of the preset `tillsight` (src/embedding/presets.rs).
    thresholds = there["thresholds"] if there.get("sha256") == sha256 else {"score": 0.8, "margin": 0.05}
    manifest = {
        "name": name,
        "version": VERSION,
        "file": graph.name,
        "sha256": sha256,
        "input": {
            "name": "image",
            "width": side,
            "height": side,
            "color": "rgb",
            "range": 1,
            "mean": [0.0, 0.0, 0.0],
            "std": [1.0, 1.0, 1.0],
            "resize": "pad",
            "filter": "bilinear",
        },
        "output": {"name": "embedding", "dim": DIM},
        "thresholds": thresholds,
    }
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(manifest, indent=2) + "\n")
    unfinished.replace(path)
