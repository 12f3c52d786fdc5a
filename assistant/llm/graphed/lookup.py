"""NF4's table of 16 values as PTX: a byte permutation looks four half-bytes up at once.

`prmt` picks four bytes out of eight by the half-bytes of a register. A value of 16 bit is two
bytes, and 16 values are two tables of eight, so four half-bytes take four permutations, two
selections by their highest bits and two permutations that put the bytes together. A table in
memory costs an address and a load for every single half-byte, which a GPU with much bandwidth has
no time for.
"""

from collections.abc import Sequence
from typing import Literal

import torch

NF4_CODE = (
    -1.0,
    -0.6961928009986877,
    -0.5250730514526367,
    -0.39491748809814453,
    -0.28444138169288635,
    -0.18477343022823334,
    -0.09105003625154495,
    0.0,
    0.07958029955625534,
    0.16093020141124725,
    0.24611230194568634,
    0.33791524171829224,
    0.44070982933044434,
    0.5626170039176941,
    0.7229568362236023,
    1.0,
)
"""The values of NormalFloat4 (QLoRA, arXiv 2305.14314) as bitsandbytes has them."""


def _words(values: Sequence[int]) -> list[str]:
    """Bytes as little-endian 32-bit words."""
    parts = [values[i : i + 4] for i in range(0, len(values), 4)]
    return [f"0x{sum(byte << 8 * i for i, byte in enumerate(part)):08x}" for part in parts]


def lookup_ptx(dtype: Literal["bfloat16", "float16"]) -> str:
    """PTX from four packed bytes ($4) to the values of their high halves ($0, $1) and low ($2, $3).

    Each output register holds two values, the first byte's in its lower half.
    """
    code = torch.tensor(NF4_CODE, dtype=torch.float32).to(getattr(torch, dtype))
    bits = [value & 0xFFFF for value in code.view(torch.int16).tolist()]
    lower, upper = _words([b & 255 for b in bits]), _words([b >> 8 for b in bits])
    lines = [
        ".reg .b32 index, high, a, b, c, d, mask;",
        "and.b32 index, $4, 0x77777777;",
        "shr.b32 high, $4, 1;",
        "and.b32 high, high, 0x44444444;",
    ]
    for first, second in (("$0", "$2"), ("$1", "$3")):
        lines += [
            f"prmt.b32 a, {lower[0]}, {lower[1]}, index;",
            f"prmt.b32 b, {lower[2]}, {lower[3]}, index;",
            f"prmt.b32 c, {upper[0]}, {upper[1]}, index;",
            f"prmt.b32 d, {upper[2]}, {upper[3]}, index;",
            "prmt.b32 mask, 0, 0xffffffff, high;",  # all ones where the half-byte is over 7
            "lop3.b32 a, a, b, mask, 0xd8;",  # mask ? b : a
            "lop3.b32 c, c, d, mask, 0xd8;",
            f"prmt.b32 {first}, a, c, 0x7351;",
            f"prmt.b32 {second}, a, c, 0x6240;",
            "shr.b32 index, index, 16;",
            "shr.b32 high, high, 16;",
        ]
    return "{ " + " ".join(lines[:-2]) + " }"
