"""The imported networks say in PyTorch what they say in ONNX Runtime.

python tests/training/teachers.py MODELS_FOLDER DATA_FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
import torch.nn.functional as F

MODELS, DATA = map(Path, sys.argv[1:])
sys.path.insert(0, str(MODELS))

from training import data, imported  # noqa: E402

SIDE = 224
photos = data.photos(DATA, "train")[::300]
pictures = np.stack([np.asarray(data.square(photo.path, SIDE)) for photo in photos])
pictures = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
for source in imported.SOURCES:
    session = ort.InferenceSession(DATA / "teachers" / source.file)
    fed = ((pictures * 255 - source.mean) / source.std).numpy()
    theirs = torch.from_numpy(session.run(None, {session.get_inputs()[0].name: fed})[0])
    with torch.no_grad():
        middle, last = imported.Imported(DATA, source).eval()(pictures)
    sides = (middle.shape[-1], last.shape[-1])
    cosine = (F.normalize(last.mean((2, 3))) * F.normalize(theirs.flatten(1))).sum(1).min()
    print(f"{source.file}: maps of {sides} places, smallest cosine {cosine:.7f} over {len(photos)} photos")
    if sides != (SIDE // 16, SIDE // 32) or cosine <= 0.99999:
        sys.exit(f"{source.file}: not the same")
print("both say the same")
