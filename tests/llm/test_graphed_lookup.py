"""Tests of the NF4 table as PTX, by an interpreter of the five instructions it uses."""

import pytest
import torch
from bitsandbytes.functional import get_4bit_type

from assistant.llm.graphed.lookup import NF4_CODE, lookup_ptx


def _prmt(a: int, b: int, selector: int) -> int:
    pool = a | b << 32
    out = 0
    for place in range(4):
        nibble = selector >> 4 * place & 15
        byte = pool >> 8 * (nibble & 7) & 255
        if nibble & 8:
            byte = 255 if byte & 128 else 0
        out |= byte << 8 * place
    return out


def _lop3(a: int, b: int, c: int, table: int) -> int:
    out = 0
    for bit in range(32):
        index = (a >> bit & 1) << 2 | (b >> bit & 1) << 1 | (c >> bit & 1)
        out |= (table >> index & 1) << bit
    return out


def run(ptx: str, packed: int) -> list[int]:
    registers = {"$4": packed}
    for line in ptx.strip("{} ").split(";"):
        if not line.strip() or line.strip().startswith(".reg"):
            continue
        name, _, operands = line.strip().partition(" ")
        target, *sources = [operand.strip() for operand in operands.split(",")]
        values = [registers[s] if s in registers else int(s, 0) for s in sources]
        match name.split(".")[0]:
            case "and":
                registers[target] = values[0] & values[1]
            case "shr":
                registers[target] = values[0] >> values[1]
            case "prmt":
                registers[target] = _prmt(*values)
            case "lop3":
                registers[target] = _lop3(*values)
            case other:
                raise AssertionError(other)
    return [registers[f"${i}"] for i in range(4)]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_every_byte_gives_its_two_values(dtype):
    code = torch.tensor(NF4_CODE).to(getattr(torch, dtype))
    bits = [value & 0xFFFF for value in code.view(torch.int16).tolist()]
    ptx = lookup_ptx(dtype)
    for byte in range(256):
        four = [byte, (byte * 7 + 3) & 255, 255 - byte, (byte * 31) & 255]
        high_1, high_2, low_1, low_2 = run(ptx, sum(b << 8 * i for i, b in enumerate(four)))
        high, low = [bits[b >> 4] for b in four], [bits[b & 15] for b in four]
        assert [high_1, high_2] == [high[0] | high[1] << 16, high[2] | high[3] << 16]
        assert [low_1, low_2] == [low[0] | low[1] << 16, low[2] | low[3] << 16]


def test_the_values_are_those_of_bitsandbytes():
    assert torch.equal(torch.tensor(NF4_CODE), get_4bit_type("nf4", device="cpu"))
