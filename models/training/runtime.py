"""The tutor's maps without gradients, as fast as the machine computes them: on a GPU by PyTorch, on a processor by ONNX
Runtime, which is about twice as fast there on the depthwise convolutions of the imported networks.
"""

import io
from collections.abc import Callable

import numpy as np
import onnxruntime as ort
import torch
from torch import nn

from .export import OPSET
from .machine import DEVICE

# Pictures that ONNX Runtime is given at once: the maps of more do not stay in a processor's caches (48 took 14.8 ms each
# on two cores, 8 took 12.8).
AT_ONCE = 8

Maps = list[tuple[torch.Tensor, torch.Tensor]]


class Flat(nn.Module):
    """All backbones as one network with a flat list of outputs, which is what a graph has."""

    def __init__(self, backbones: nn.ModuleList):
        super().__init__()
        self.backbones = backbones

    def forward(self, image):
        return [each for backbone in self.backbones for each in backbone(image)]


def maps_of(backbones: nn.ModuleList, side: int) -> Callable[[torch.Tensor], Maps]:
    """A function from pictures N × 3 × side × side to what each backbone answers. To be asked for anew when the weights
    have changed.
    """
    flat = Flat(backbones).eval()
    if DEVICE.type == "cuda":
        return torch.no_grad()(lambda pictures: pairs([each.float() for each in flat(pictures)]))
    names = [f"maps{n}" for n in range(2 * len(backbones))]
    graph = io.BytesIO()
    torch.onnx.export(
        flat,
        (torch.rand(2, 3, side, side),),
        graph,
        input_names=["image"],
        output_names=names,
        dynamic_axes={name: {0: "n"} for name in ["image", *names]},
        opset_version=OPSET,
        dynamo=False,
    )
    options = ort.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # PyTorch needs the cores in between
    session = ort.InferenceSession(graph.getvalue(), options, providers=["CPUExecutionProvider"])

    def ask(pictures: torch.Tensor) -> Maps:
        parts = [session.run(names, {"image": part.contiguous().numpy()}) for part in pictures.split(AT_ONCE)]
        return pairs([torch.from_numpy(np.concatenate(column)) for column in zip(*parts, strict=True)])

    return ask


def pairs(flat: list[torch.Tensor]) -> Maps:
    return list(zip(flat[::2], flat[1::2], strict=True))
