"""The network in 8-bit integers: convolutions and their activations as integers, pooling and the neck in FP32.

Static quantisation in ONNX Runtime's QDQ form, a scale per output channel, ranges from pictures that were learned from.
Weights use 7 of the 8 bits: on processors without VNNI the products of full 8-bit numbers overflow their 16 bits and
the embedding would depend on the machine.
"""

import logging
from pathlib import Path

import numpy as np
import onnxruntime as ort
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

BATCH = 8
# A good network keeps 0.99 and more of every embedding; a range that is wrong shows as 0.9 and less.
LEAST_MEAN_COSINE, LEAST_COSINE = 0.98, 0.9


class Reader(CalibrationDataReader):
    """Hands the pictures out in batches."""

    def __init__(self, pictures: np.ndarray):
        self.batches = (pictures[at : at + BATCH] for at in range(0, len(pictures), BATCH))

    def get_next(self):
        batch = next(self.batches, None)
        return None if batch is None else {"image": batch}


def quantise(graph: Path, fitted_on: np.ndarray, path: Path) -> None:
    """From the FP32 graph to `path`. `fitted_on`: N × 3 × S × S, float32 in 0..1, as the network is fed."""
    # It recommends a preparation that only matters to graphs with layers that are not fused yet.
    logging.disable(logging.WARNING)
    quantize_static(
        graph,
        path,
        Reader(fitted_on),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv", "Add", "AveragePool", "Relu"],
        per_channel=True,
        reduce_range=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    logging.disable(logging.NOTSET)


def compare(whole: Path, small: Path, pictures: np.ndarray) -> None:
    """Refuses an 8-bit graph whose embeddings of `pictures` are not those of the FP32 graph. They are to be others than
    those it was fitted on, of every kind.
    """
    one, other = (ort.InferenceSession(each).run(None, {"image": pictures})[0] for each in (whole, small))
    cosine = (one * other).sum(1)
    if not (cosine.mean() > LEAST_MEAN_COSINE and cosine.min() > LEAST_COSINE):
        raise SystemExit(f"{small}: cosine with FP32 {cosine.mean():.4f} in the mean, {cosine.min():.4f} at least")
    print(f"8-bit integers against FP32: cosine {cosine.mean():.4f} in the mean, {cosine.min():.4f} at least")
