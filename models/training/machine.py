"""What the training runs on: a GPU where PyTorch finds one, else the processor; in bfloat16 where that is native."""

import torch

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
# On processors without these instructions bfloat16 is emulated, several times slower than float32.
NATIVE_BFLOAT16 = DEVICE.type == "cuda" or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def mixed_precision() -> torch.autocast:
    """Convolutions in bfloat16 where that is faster; weights stay float32."""
    return torch.autocast(DEVICE.type, torch.bfloat16, enabled=NATIVE_BFLOAT16)


def seed(*numbers: int) -> None:
    """Everything random from here on follows from `numbers`: a run that was stopped goes on as it would have."""
    mixed = 0
    for number in numbers:
        mixed = (mixed * 1_000_003 + number) % 2**63
    torch.manual_seed(mixed)
