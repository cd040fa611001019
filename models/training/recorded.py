"""A step of the training that is recorded on a GPU and played again.

A step of a small network is a thousand small pieces of work; to start them one by one takes a GPU ten times as long as
to do them. Recorded (as a CUDA graph), they are started at once. On a processor nothing is recorded.
"""

from collections.abc import Callable

import torch

from .machine import DEVICE

# So that what PyTorch sets up on first use is set up, and is not recorded.
STEPS_BEFORE = 3


class Recorded:
    """`step` always does the same to the same tensors: it neither waits for the GPU nor decides anything by numbers."""

    def __init__(self, step: Callable[[], None]):
        self.step, self.done, self.graph = step, 0, None

    def __call__(self) -> None:
        if DEVICE.type != "cuda":
            self.step()
        elif self.graph is not None:
            self.graph.replay()
        elif self.done < STEPS_BEFORE:
            self.aside()
        else:
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):
                self.step()
            self.graph.replay()
        self.done += 1

    def aside(self) -> None:
        """Not on the stream that everything else is on, as PyTorch asks of what is to be recorded."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            self.step()
        torch.cuda.current_stream().wait_stream(stream)
