"""The same road in another stack: FastAPI, uvicorn, onnxruntime, faiss-cpu and Pillow, with the same model.

    python3 -m venv target/peer-python && target/peer-python/bin/pip install -r benches/peer/requirements.txt
    cargo bench --bench saturation

The bench starts it; by hand:

    target/peer-python/bin/python benches/peer/server.py --model models/tillsight-small.json --gallery FOLDER

FOLDER holds `products.json`, a list of `{"name", "folder"}`, and the photos of each product in its folder. It is
embedded once, before the workers start. `POST /api/recognize` takes a JPEG as its body and answers in the shape of
tillsight's.

It is what that stack's documentation recommends: the event loop only receives and answers, everything that computes
runs on a pool of as many threads as the process has cores (Pillow, onnxruntime and faiss release the GIL), ONNX Runtime
computes one photo on one thread without spinning, and with several workers each has its share of the cores. It has no
accounts, no evidence, no limits of what is sent to it, and no admission: what comes waits.
"""

import argparse
import io
import json
import os
import time
import uuid
from contextlib import asynccontextmanager
from pathlib import Path

import anyio.to_thread
import faiss
import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from PIL import Image, ImageOps

CANDIDATES = 5
# How the workers, which are processes of their own, are told what the command line said.
MODEL, GALLERY, THREADS = "PEER_MODEL", "PEER_GALLERY", "PEER_THREADS"


class Embedder:
    """From a JPEG to a vector of length 1, as the manifest says. Safe to use from several threads."""

    def __init__(self, manifest: Path) -> None:
        self.manifest = json.loads(manifest.read_text())
        self.input, self.output = self.manifest["input"], self.manifest["output"]
        fed = (self.input["resize"], self.input["filter"], self.input["color"])
        # Borders of black, fed as zeros: the mean of the shipped models is 0.
        as_shipped = fed == ("pad", "bilinear", "rgb") and not any(self.input["mean"])
        if not as_shipped or self.output.get("pooling", "none") != "none":
            raise SystemExit(f"{manifest}: the peer only knows models that are fed and read like the shipped one")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        path = str(manifest.parent / self.manifest["file"])
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        # (pixel / 255 * range - mean) / std, as one factor and one offset per channel.
        mean, std = (np.array(self.input[name], np.float32) for name in ("mean", "std"))
        self.factor = (self.input["range"] / 255 / std).astype(np.float32)
        self.offset = (mean / std).astype(np.float32)

    def embed(self, photo: Image.Image) -> np.ndarray:
        width, height = self.input["width"], self.input["height"]
        fitted = ImageOps.pad(photo, (width, height), Image.Resampling.BILINEAR)
        tensor = np.asarray(fitted, np.float32) * self.factor - self.offset
        batch = np.ascontiguousarray(tensor.transpose(2, 0, 1)[None])
        (vectors,) = self.session.run([self.output["name"]], {self.input["name"]: batch})
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def opened(jpeg: bytes) -> Image.Image:
    """The whole picture, upright."""
    photo = Image.open(io.BytesIO(jpeg), formats=["JPEG"])
    return ImageOps.exif_transpose(photo).convert("RGB")


class Recognizer:
    """Names the products that a photo is most like."""

    def __init__(self, manifest: Path, gallery: Path) -> None:
        self.embedder = Embedder(manifest)
        kept = np.load(gallery / "vectors.npz")
        self.index = faiss.IndexFlatIP(kept["vectors"].shape[1])
        self.index.add(kept["vectors"])
        self.product_of = kept["products"]
        self.names = [product["name"] for product in json.loads((gallery / "products.json").read_text())]
        # So many rows hold as many products as are wanted, whichever they are.
        self.rows = min(CANDIDATES * int(np.bincount(self.product_of).max()), self.index.ntotal)

    def recognize(self, jpeg: bytes) -> dict:
        begun = time.perf_counter()
        photo = opened(jpeg)
        decoded = time.perf_counter()
        vector = self.embedder.embed(photo)
        embedded = time.perf_counter()
        scores, rows = self.index.search(vector, self.rows)
        best: dict[int, float] = {}
        for score, row in zip(scores[0].tolist(), rows[0].tolist()):
            best.setdefault(int(self.product_of[row]), score)
            if len(best) == CANDIDATES:
                break
        candidates = [
            {"product_id": product, "product_name": self.names[product], "score": score}
            for product, score in best.items()
        ]
        done = time.perf_counter()
        region = {"x": 0, "y": 0, "width": photo.width, "height": photo.height}
        seconds = {"decode": decoded - begun, "infer": embedded - decoded, "search": done - embedded}
        seconds["total"] = done - begun
        return {
            "id": str(uuid.uuid4()),
            "items": [{"verdict": self.verdict(list(best.values())), "region": region, "candidates": candidates}],
            "model": self.embedder.manifest["name"],
            "timings_ms": {stage: spent * 1e3 for stage, spent in seconds.items()},
        }

    def verdict(self, scores: list[float]) -> str:
        thresholds = self.embedder.manifest["thresholds"]
        if not scores or scores[0] < thresholds["score"]:
            return "unknown"
        alone = len(scores) == 1 or scores[0] - scores[1] >= thresholds["margin"]
        return "matched" if alone else "ambiguous"


@asynccontextmanager
async def lifespan(app: FastAPI):
    faiss.omp_set_num_threads(1)
    anyio.to_thread.current_default_thread_limiter().total_tokens = int(os.environ[THREADS])
    app.state.recognizer = Recognizer(Path(os.environ[MODEL]), Path(os.environ[GALLERY]))
    yield


app = FastAPI(lifespan=lifespan)


@app.get("/healthz")
async def healthz() -> dict:
    return {"status": "ok"}


@app.post("/api/recognize")
async def recognize(request: Request) -> dict:
    jpeg = await request.body()
    try:
        return await run_in_threadpool(request.app.state.recognizer.recognize, jpeg)
    except OSError as error:
        raise HTTPException(415, f"not a JPEG: {error}") from error


def embed_gallery(manifest: Path, gallery: Path) -> None:
    embedder = Embedder(manifest)
    vectors, products = [], []
    for product, listed in enumerate(json.loads((gallery / "products.json").read_text())):
        for photo in sorted((gallery / listed["folder"]).glob("*.jpg")):
            vectors.append(embedder.embed(opened(photo.read_bytes()))[0])
            products.append(product)
    np.savez(gallery / "vectors.npz", vectors=np.stack(vectors), products=np.array(products))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="the model's manifest")
    parser.add_argument("--gallery", type=Path, required=True, help="folder of the products' photos")
    parser.add_argument("--port", type=int, default=8100)
    parser.add_argument("--workers", type=int, default=1, help="processes")
    arguments = parser.parse_args()
    embed_gallery(arguments.model, arguments.gallery)
    cores = len(os.sched_getaffinity(0))
    os.environ[MODEL], os.environ[GALLERY] = str(arguments.model), str(arguments.gallery)
    os.environ[THREADS] = str(max(1, cores // arguments.workers))
    # An application that is named can be started in several processes; this file's folder is where it is found.
    uvicorn.run(
        "server:app",
        app_dir=str(Path(__file__).parent),
        host="127.0.0.1",
        port=arguments.port,
        workers=arguments.workers,
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    main()
