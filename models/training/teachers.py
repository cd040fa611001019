"""What two ImageNet networks that others trained see in the training pictures.

2 640 photos are too few to learn general features from; the teachers' embeddings are the second thing that the
student learns to predict. The teachers are used here only: neither they nor their weights are part of the shipped
model.
"""

import hashlib
from pathlib import Path

import numpy as np
import onnxruntime as ort
from PIL import Image

# file, mean and standard deviation in 0..255, from the data folder's README
TEACHERS = (("mobilenet_v1_1.0_224.onnx", 128.0, 128.0), ("mobilenet_v2_1.0_224.onnx", 127.0, 127.5))
SIDE = 224


def present(data: Path) -> bool:
    return all((data / "teachers" / name).is_file() for name, _, _ in TEACHERS)


def embeddings(data: Path, pixels: np.ndarray, work: Path, threads: int, progress) -> np.ndarray:
    """One row per picture: both teachers' embeddings side by side, each L2-normalised. Kept in the work folder."""
    kept = work / f"teachers-{hashlib.sha256(pixels[::97].tobytes()).hexdigest()[:16]}-{len(pixels)}.npy"
    if kept.is_file():
        return np.load(kept)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    sessions = [(ort.InferenceSession(data / "teachers" / name, options), mean, std) for name, mean, std in TEACHERS]
    rows = []
    for start in range(0, len(pixels), 16):
        batch = np.stack(
            [np.asarray(Image.fromarray(p).resize((SIDE, SIDE), Image.BILINEAR)) for p in pixels[start : start + 16]]
        )
        batch = batch.transpose(0, 3, 1, 2).astype(np.float32)
        seen = [session.run(None, {"image": (batch - mean) / std})[0] for session, mean, std in sessions]
        rows.append(np.concatenate([e / np.linalg.norm(e, axis=1, keepdims=True) for e in seen], axis=1))
        progress(min(start + 16, len(pixels)), len(pixels))
    found = np.concatenate(rows).astype(np.float32)
    unfinished = kept.with_suffix(".part.npy")
    np.save(unfinished, found)
    unfinished.rename(kept)
    return found
