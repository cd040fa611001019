"""What the training runs on: a GPU where PyTorch finds one, else the processor; in bfloat16 where that is native.

Sums are taken in the same order in every run: on the same machine the same seed gives the same network, to the last bit.
"""

import os

# cuBLAS takes its workspace, on which the order of its sums depends, from here when it starts.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

import torch  # noqa: E402

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
# On processors without these instructions bfloat16 is emulated, several times slower than float32.
NATIVE_BFLOAT16 = DEVICE.type == "cuda" or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()

torch.use_deterministic_algorithms(True)
torch.utils.deterministic.fill_uninitialized_memory = False  # nothing here reads memory before it is written


def mixed_precision() -> torch.autocast:
    """Convolutions in bfloat16 where that is faster; weights stay float32."""
    return torch.autocast(DEVICE.type, torch.bfloat16, enabled=NATIVE_BFLOAT16)


def seed(*numbers: int) -> None:
    """Everything random from here on follows from `numbers`: a run that was stopped goes on as it would have."""
    mixed = 0
    for number in numbers:
        mixed = (mixed * 1_000_003 + number) % 2**63
    torch.manual_seed(mixed)
