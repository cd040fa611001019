"""What the training runs on: a GPU where PyTorch finds one, else the processor; in bfloat16 where that is faster.

Sums are taken in the same order in every run: on the same machine the same seed gives the same network, to the last bit.
"""

import os

# cuBLAS takes its workspace, on which the order of its sums depends, from here when it starts.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

import torch  # noqa: E402

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
# Of processors' bfloat16 instructions only those for tiles (AMX) pay: with AVX-512's alone a step of the student takes a
# tenth longer than in float32, and without any several times as long.
BFLOAT16 = DEVICE.type == "cuda" or torch.cpu._is_amx_tile_supported()

torch.use_deterministic_algorithms(True)
torch.utils.deterministic.fill_uninitialized_memory = False  # nothing here reads memory before it is written


def mixed_precision() -> torch.autocast:
    """Convolutions in bfloat16 where that is faster; weights stay float32."""
    return torch.autocast(DEVICE.type, torch.bfloat16, enabled=BFLOAT16)


def seed(*numbers: int) -> None:
    """Everything random from here on follows from `numbers`: a run that was stopped goes on as it would have."""
    mixed = 0
    for number in numbers:
        mixed = (mixed * 1_000_003 + number) % 2**63
    torch.manual_seed(mixed)
