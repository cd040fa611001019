"""The imported networks say in PyTorch what they say in ONNX Runtime.

    python tests/training/teachers.py MODELS_FOLDER DATA_FOLDER
"""

import sys
from pathlib import Path

import onnxruntime as ort
import torch
import torch.nn.functional as F

MODELS, DATA = map(Path, sys.argv[1:])
sys.path.insert(0, str(MODELS))

from training import data, imported  # noqa: E402

SIDE = 224
photos = data.photos(DATA, "train")[::300]
pictures = torch.stack([torch.tensor(list(data.square(photo.path, SIDE).getdata())) for photo in photos])
pictures = pictures.reshape(-1, SIDE, SIDE, 3).permute(0, 3, 1, 2).float() / 255
for source in imported.SOURCES:
    session = ort.InferenceSession(DATA / "teachers" / source.file)
    fed = ((pictures * 255 - source.mean) / source.std).numpy()
    theirs = torch.from_numpy(session.run(None, {session.get_inputs()[0].name: fed})[0])
    with torch.no_grad():
        middle, last = imported.Imported(DATA, source).eval()(pictures)
    sides = (middle.shape[-1], last.shape[-1])
    cosine = (F.normalize(last.mean((2, 3))) * F.normalize(theirs.flatten(1))).sum(1).min()
    print(f"{source.file}: maps of {sides} places, smallest cosine {cosine:.7f} over {len(photos)} photos", flush=True)
    if sides != (SIDE // 16, SIDE // 32) or not cosine > 0.99999:
        sys.exit(f"{source.file}: PyTorch and ONNX Runtime differ")
print("both say the same")
