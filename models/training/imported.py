"""Networks that others trained, read from ONNX into PyTorch so that they can be trained on: the tutor's backbones.

Only what MobileNet V1 and V2 consist of is understood (Conv, Clip, Add, then global average pooling); anything else is
refused by name. Their batch norms are already part of the convolutions. None of their weights become part of the
shipped model.

V2 clips the results of its linear layers too, to wider bounds with negative values: taken for a ReLU to 6, which every
Clip of V1 is, they leave nothing of V2. tests/training/teachers.py compares with ONNX Runtime.
"""

from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
import torch.nn.functional as F
from google.protobuf.message import DecodeError
from onnx import numpy_helper
from torch import nn

from .faults import Fault
from .stages import compare_with_shipped, sha256


@dataclass(frozen=True)
class Source:
    """`sha256` is that of the file that the shipped model's tutor was made of; `mean` and `std`, in 0..255, are how its
    pictures are normalised. Convolutions before `trained_from` keep their weights: the first half sees edges and
    textures that need no lesson, and its backward pass is what costs most.
    """

    file: str
    sha256: str
    mean: float
    std: float
    trained_from: int


SOURCES = (
    Source(
        "mobilenet_v1_1.0_224.onnx",
        "a93330a1e909619f6666787d926534d870b5975b8fa08aef351861903ce8dc8e",
        mean=128.0,
        std=128.0,
        trained_from=15,
    ),
    Source(
        "mobilenet_v2_1.0_224.onnx",
        "e6fe26c4cd75953d5b8f800b4c35a13216695f1303fee5cf610751d10f4f1d42",
        mean=127.0,
        std=127.5,
        trained_from=33,
    ),
)


def present(data: Path) -> bool:
    return all((data / "teachers" / source.file).is_file() for source in SOURCES)


def files(data: Path) -> dict[str, str]:
    """SHA-256 of each network's file. Says so where it is another one than the shipped model's tutor was made of."""
    found = {source.file: sha256(data / "teachers" / source.file) for source in SOURCES}
    for source in SOURCES:
        compare_with_shipped(source.file, found[source.file], source.sha256)
    return found


def read(file: Path) -> onnx.GraphProto:
    try:
        graph = onnx.load(file).graph
    except (DecodeError, OSError) as error:
        raise Fault(f"{file} cannot be read as ONNX ({error}): is the file whole?") from None
    if not graph.node:
        raise Fault(f"{file} holds no network: is the file whole?")
    return graph


class Imported(nn.Module):
    """From pictures N × 3 × S × S in 0..1 to (the last map at stride 16, the last map, at stride 32)."""

    def __init__(self, data: Path, source: Source):
        super().__init__()
        self.source = source
        graph = read(data / "teachers" / source.file)
        weights = {w.name: torch.from_numpy(numpy_helper.to_array(w).copy()) for w in graph.initializer}
        self.convolutions, self.steps = nn.ModuleList(), []
        for node in graph.node:
            if node.op_type == "GlobalAveragePool":
                self.last = node.input[0]
                break
            if node.op_type not in ("Conv", "Clip", "Add"):
                raise Fault(f"{source.file}: {node.op_type} is not understood; only MobileNet V1 and V2 are")
            detail = None  # the padding of a convolution, the bounds of a clip
            if node.op_type == "Conv":
                detail = self.add_convolution(node, weights)
            elif node.op_type == "Clip":
                detail = [weights[bound].item() for bound in node.input[1:]]
            self.steps.append((node.op_type, tuple(node.input), node.output[0], detail))
        self.channels = self.convolutions[-1].out_channels
        self.to(memory_format=torch.channels_last)

    def add_convolution(self, node, weights) -> list[int]:
        """TensorFlow pads one side more than the other where the size halves, which PyTorch's convolution cannot: there the
        padding is a step of its own.
        """
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        weight, groups = weights[node.input[1]], attributes.get("group", 1)
        top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
        alike = top == left == bottom == right
        layer = nn.Conv2d(
            weight.shape[1] * groups,
            weight.shape[0],
            weight.shape[2:],
            attributes.get("strides", 1),
            padding=top if alike else 0,
            groups=groups,
        )
        layer.weight.data, layer.bias.data = weight, weights[node.input[2]]
        self.convolutions.append(layer)
        return [0, 0, 0, 0] if alike else [left, right, top, bottom]

    def forward(self, image):
        fed = (image * 255 - self.source.mean) / self.source.std
        values = {"image": fed.contiguous(memory_format=torch.channels_last)}
        convolution, sixteenth, learning = 0, image.shape[-1] // 16, torch.is_grad_enabled()
        for operation, inputs, output, detail in self.steps:
            if operation == "Conv":
                with torch.set_grad_enabled(learning and convolution >= self.source.trained_from):
                    x = values[inputs[0]]
                    x = F.pad(x, detail) if any(detail) else x
                    values[output] = self.convolutions[convolution](x)
                convolution += 1
            elif operation == "Clip":
                values[output] = values[inputs[0]].clamp(*detail)
            else:
                values[output] = values[inputs[0]] + values[inputs[1]]
            if values[output].shape[-1] == sixteenth:
                middle = values[output]
        return middle, values[self.last]
