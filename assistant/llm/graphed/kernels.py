"""Triton kernels of the decode step: what a graph replays is a few kernels per layer.

    norm (+ A x) ─► NF4 product (+ B u) ─► rotate, write, attend in parts ─► join the parts
    ─► NF4 product (+ B u + residual) ─► norm (+ A x) ─► NF4 gate · up ─► NF4 product …

Sums are in float32. A product reads its input as all even entries and then all odd ones, because
two neighbouring weights share a byte; whoever writes such an input writes it in that order (SPLIT).
"""

import triton
import triton.language as tl

from assistant.llm.graphed.lookup import lookup_ptx

_BF16_PTX = tl.constexpr(lookup_ptx("bfloat16"))
_FP16_PTX = tl.constexpr(lookup_ptx("float16"))


@triton.jit
def _values(packed, code_ptr, PTX: tl.constexpr):
    """The NF4 values of the high and of the low half of each byte, in the type of the table."""
    if PTX:
        if code_ptr.dtype.element_ty == tl.bfloat16:
            high, low = tl.inline_asm_elementwise(
                _BF16_PTX, "=r,=r,=r,=r,r", [packed], (tl.bfloat16, tl.bfloat16), True, 4
            )
        else:
            high, low = tl.inline_asm_elementwise(
                _FP16_PTX, "=r,=r,=r,=r,r", [packed], (tl.float16, tl.float16), True, 4
            )
    else:
        high = tl.load(code_ptr + (packed >> 4).to(tl.int32))
        low = tl.load(code_ptr + (packed & 15).to(tl.int32))
    return high, low


@triton.jit
def _split(column, width: tl.constexpr, SPLIT: tl.constexpr):
    """Where column `column` of a vector lies."""
    if SPLIT:
        return (column % 2) * (width // 2) + column // 2
    return column


@triton.jit(do_not_specialize=["n_ranks"])
def norm_kernel(
    x_ptr, weight_ptr, out_ptr, a_ptr, u_ptr, u_stride, n_ranks, eps,
    WIDTH: tl.constexpr, BLOCK: tl.constexpr, RANKS: tl.constexpr,
    NORM: tl.constexpr, SPLIT: tl.constexpr,
):  # fmt: skip
    """Program (row, 0) writes the normed row; (row, 1 + j) some of u = A · normed.

    Without NORM the input is what another kernel wrote, and (row, j) computes u alone.
    """
    row, part = tl.program_id(0), tl.program_id(1)
    column = tl.arange(0, BLOCK)
    inside = column < WIDTH
    if NORM:
        x = tl.load(x_ptr + row * WIDTH + column, mask=inside, other=0.0).to(tl.float32)
        weight = tl.load(weight_ptr + column, mask=inside, other=0.0).to(tl.float32)
        x = x * tl.rsqrt(tl.sum(x * x) / WIDTH + eps) * weight
        rounded = x.to(out_ptr.dtype.element_ty)
        if part == 0:
            tl.store(out_ptr + row * WIDTH + _split(column, WIDTH, SPLIT), rounded, mask=inside)
        x = rounded.to(tl.float32)
        part -= 1
    else:
        place = _split(column, WIDTH, SPLIT)
        x = tl.load(x_ptr + row * WIDTH + place, mask=inside, other=0.0).to(tl.float32)
    if part >= 0:
        rank = part * RANKS + tl.arange(0, RANKS)
        known = rank < n_ranks
        a = tl.load(
            a_ptr + (row * n_ranks + rank[:, None]) * WIDTH + column[None, :],
            mask=known[:, None] & inside[None, :],
            other=0.0,
        ).to(tl.float32)
        tl.store(u_ptr + row * u_stride + rank, tl.sum(a * x[None, :], axis=1), mask=known)


@triton.jit
def _outputs(
    x_ptr, packed_ptr, scale_ptr, code_ptr, n, n_rows,
    K: tl.constexpr, BN: tl.constexpr, BM: tl.constexpr, BLOCKS: tl.constexpr,
    PIECES: tl.constexpr, PTX: tl.constexpr,
):  # fmt: skip
    """Outputs `n` of up to BM input rows, (BN, BM), by matrix instructions.

    The inputs are cut into PIECES, one for each warp, so that no two decode the same weights.
    """
    row, piece = tl.arange(0, BM), tl.arange(0, PIECES)
    known = (row < n_rows)[None, None, :]
    blocks: tl.constexpr = K // 64 // PIECES  # of a piece
    width: tl.constexpr = BLOCKS * 32
    acc = tl.zeros((PIECES, BN, BM), dtype=tl.float32)
    w_at = packed_ptr + n[None, :, None, None] * (K // 2) + tl.arange(0, 32)[None, None, None, :]
    s_at = scale_ptr + n[None, :, None] * (K // 64)
    x_at = x_ptr + tl.arange(0, width)[None, :, None] + row[None, None, :] * K
    for first in range(0, blocks, BLOCKS):
        block = (piece * blocks + first)[:, None] + tl.arange(0, BLOCKS)[None, :]
        packed = tl.load(w_at + block[:, None, :, None] * 32)
        scale = tl.load(s_at + block[:, None, :])[:, :, :, None]
        at = x_at + (piece * blocks + first)[:, None, None] * 32
        even = tl.load(at, mask=known, other=0.0)
        odd = tl.load(at + K // 2, mask=known, other=0.0)
        high, low = _values(packed, code_ptr, PTX)
        acc = tl.dot(tl.reshape(high * scale, (PIECES, BN, width)), even, acc)
        acc = tl.dot(tl.reshape(low * scale, (PIECES, BN, width)), odd, acc)
    return tl.sum(acc, axis=0)


@triton.jit
def _with_delta(y, u_ptr, u_stride, b_ptr, n, part, row, known, N: tl.constexpr, R: tl.constexpr):
    """`y` (BN, BM) plus B u of each row; `part` (BN,) says which columns of u an output takes."""
    for rank in range(0, R):
        b = tl.load(b_ptr + (row[None, :] * N + n[:, None]) * R + rank, mask=known, other=0.0)
        u_at = u_ptr + row[None, :] * u_stride + part[:, None] * R + rank
        y += b.to(tl.float32) * tl.load(u_at, mask=known, other=0.0)
    return y


@triton.jit(do_not_specialize=["n_rows"])
def product_kernel(
    x_ptr, packed_ptr, scale_ptr, code_ptr, u_ptr, u_stride, b_ptr, residual_ptr, out_ptr, n_rows,
    K: tl.constexpr, N: tl.constexpr, END_0: tl.constexpr, END_1: tl.constexpr,
    BN: tl.constexpr, BM: tl.constexpr, BLOCKS: tl.constexpr, R: tl.constexpr,
    PIECES: tl.constexpr, DELTA: tl.constexpr, RESIDUAL: tl.constexpr, PTX: tl.constexpr,
):  # fmt: skip
    """BN outputs of every row: W x (+ B u) (+ residual)."""
    n = tl.program_id(0) * BN + tl.arange(0, BN)
    y = _outputs(x_ptr, packed_ptr, scale_ptr, code_ptr, n, n_rows, K, BN, BM, BLOCKS, PIECES, PTX)
    row = tl.arange(0, BM)
    known = (row < n_rows)[None, :] & (n >= 0)[:, None]
    if DELTA:
        part = (n >= END_0).to(tl.int32) + (n >= END_1).to(tl.int32)
        y = _with_delta(y, u_ptr, u_stride, b_ptr, n, part, row, known, N, R)
    at = row[None, :] * N + n[:, None]
    if RESIDUAL:
        y += tl.load(residual_ptr + at, mask=known, other=0.0).to(tl.float32)
    tl.store(out_ptr + at, y.to(out_ptr.dtype.element_ty), mask=known)


@triton.jit(do_not_specialize=["n_rows"])
def gated_kernel(
    x_ptr, packed_ptr, scale_ptr, code_ptr, u_ptr, u_stride, b_ptr, out_ptr, n_rows,
    K: tl.constexpr, N: tl.constexpr,
    BN: tl.constexpr, BM: tl.constexpr, BLOCKS: tl.constexpr, R: tl.constexpr,
    PIECES: tl.constexpr, DELTA: tl.constexpr, PTX: tl.constexpr,
):  # fmt: skip
    """BN entries of silu(gate) · up; the matrix has N gate rows and then N up rows."""
    n = tl.program_id(0) * BN + tl.arange(0, BN)
    gate = _outputs(
        x_ptr, packed_ptr, scale_ptr, code_ptr, n, n_rows, K, BN, BM, BLOCKS, PIECES, PTX
    )
    up = _outputs(
        x_ptr, packed_ptr, scale_ptr, code_ptr, n + N, n_rows, K, BN, BM, BLOCKS, PIECES, PTX
    )
    row = tl.arange(0, BM)
    known = (row < n_rows)[None, :] & (n >= 0)[:, None]
    if DELTA:
        part = tl.zeros((BN,), dtype=tl.int32)
        gate = _with_delta(gate, u_ptr, u_stride, b_ptr, n, part, row, known, 2 * N, R)
        up = _with_delta(up, u_ptr, u_stride, b_ptr, n + N, part + 1, row, known, 2 * N, R)
    y = gate * tl.sigmoid(gate) * up
    at = row[None, :] * N + _split(n, N, True)[:, None]
    tl.store(out_ptr + at, y.to(out_ptr.dtype.element_ty), mask=known)


@triton.jit
def finish_kernel(
    y_ptr, u_ptr, u_stride, b_ptr, residual_ptr, out_ptr,
    N: tl.constexpr, END_0: tl.constexpr, END_1: tl.constexpr, BN: tl.constexpr,
    R: tl.constexpr, DELTA: tl.constexpr, RESIDUAL: tl.constexpr,
):  # fmt: skip
    """Program (row, part): what `product_kernel` adds, for a product of somebody else."""
    row = tl.program_id(0) + tl.zeros((1,), dtype=tl.int32)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    inside = (n < N)[:, None]
    at = row[None, :] * N + n[:, None]
    y = tl.load(y_ptr + at, mask=inside, other=0.0).to(tl.float32)
    if DELTA:
        part = (n >= END_0).to(tl.int32) + (n >= END_1).to(tl.int32)
        y = _with_delta(y, u_ptr, u_stride, b_ptr, n, part, row, inside, N, R)
    if RESIDUAL:
        y += tl.load(residual_ptr + at, mask=inside, other=0.0).to(tl.float32)
    tl.store(out_ptr + at, y.to(out_ptr.dtype.element_ty), mask=inside)


@triton.jit
def gate_kernel(y_ptr, out_ptr, N: tl.constexpr, BN: tl.constexpr):
    """Program (row, part): silu(gate) · up of rows [gate, up]."""
    row = tl.program_id(0)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    gate = tl.load(y_ptr + row * 2 * N + n, mask=n < N, other=0.0).to(tl.float32)
    up = tl.load(y_ptr + row * 2 * N + N + n, mask=n < N, other=0.0).to(tl.float32)
    y = gate * tl.sigmoid(gate) * up
    tl.store(out_ptr + row * N + n, y.to(out_ptr.dtype.element_ty), mask=n < N)


@triton.jit
def _rotated(ptr, cos_ptr, sin_ptr, HALF: tl.constexpr):
    """Both halves of one rotated head, (HALF,)."""
    d = tl.arange(0, HALF)
    first, second = tl.load(ptr + d).to(tl.float32), tl.load(ptr + HALF + d).to(tl.float32)
    cos_1, cos_2 = tl.load(cos_ptr + d).to(tl.float32), tl.load(cos_ptr + HALF + d).to(tl.float32)
    sin_1, sin_2 = tl.load(sin_ptr + d).to(tl.float32), tl.load(sin_ptr + HALF + d).to(tl.float32)
    return first * cos_1 + second * sin_1, second * cos_2 + first * sin_2


@triton.jit(do_not_specialize=["layer", "n_rows"])  # they do not change the code
def attend_kernel(
    qkv_ptr, inputs_ptr, cos_ptr, sin_ptr, sums_ptr, weights_ptr, scale, layer, n_rows,
    LAYERS: tl.constexpr, HEADS: tl.constexpr, KV: tl.constexpr, D: tl.constexpr,
    GROUP: tl.constexpr, PARTS: tl.constexpr, BT: tl.constexpr,
):  # fmt: skip
    """Program (row, kv head, part): attention over a part of the row's earlier tokens.

    Part 0 also rotates and writes the new key and value and attends to them. What the parts give
    is not normalised: sums (b, head, part, D), and of the weights the maximum and sum (…, part, 2).
    """
    row, head, part = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    kind = qkv_ptr.dtype.element_ty
    half: tl.constexpr = D // 2
    position = tl.load(inputs_ptr + n_rows + row)
    address = tl.load(inputs_ptr + 2 * n_rows + row)
    capacity = tl.load(inputs_ptr + 3 * n_rows + row)
    cache = address.to(tl.pointer_type(kind))
    # Said to the compiler, which cannot know it of an address from memory: wide loads may be used.
    keys = tl.multiple_of(cache + (layer * KV + head) * capacity * D, 16)
    values = tl.multiple_of(cache + ((LAYERS + layer) * KV + head) * capacity * D, 16)
    own = qkv_ptr + row * (HEADS + 2 * KV) * D
    d, wide = tl.arange(0, half), tl.arange(0, D)
    cos, sin = cos_ptr + position * D, sin_ptr + position * D

    key_1, key_2 = _rotated(own + (HEADS + head) * D, cos, sin, half)
    key_1, key_2 = key_1.to(kind), key_2.to(kind)
    value = tl.load(own + (HEADS + KV + head) * D + wide)
    if part == 0:
        tl.store(keys + position * D + d, key_1)
        tl.store(keys + position * D + half + d, key_2)
        tl.store(values + position * D + wide, value)

    member = tl.arange(0, 16)  # queries of this kv head; a matrix instruction takes 16
    real = (member < GROUP)[:, None]
    query = own + (head * GROUP + member)[:, None] * D + d[None, :]
    first = tl.load(query, mask=real, other=0.0).to(tl.float32)
    second = tl.load(query + half, mask=real, other=0.0).to(tl.float32)
    cos_1, cos_2 = tl.load(cos + d).to(tl.float32), tl.load(cos + half + d).to(tl.float32)
    sin_1, sin_2 = tl.load(sin + d).to(tl.float32), tl.load(sin + half + d).to(tl.float32)
    query_1 = (first * cos_1[None, :] + second * sin_1[None, :]).to(kind)
    query_2 = (second * cos_2[None, :] + first * sin_2[None, :]).to(kind)

    fresh = query_1.to(tl.float32) * key_1.to(tl.float32)[None, :]
    fresh += query_2.to(tl.float32) * key_2.to(tl.float32)[None, :]
    has_new = tl.zeros((16,), dtype=tl.int32) + part == 0
    highest = tl.where(has_new, tl.sum(fresh, axis=1) * scale, float("-inf"))
    total = tl.where(has_new, 1.0, 0.0)
    acc = tl.where(has_new[:, None], value.to(tl.float32)[None, :], 0.0)

    share = tl.cdiv(tl.cdiv(position, PARTS), BT) * BT
    begin = part * share
    end = tl.minimum(begin + share, position)
    for start in range(begin, end, BT):
        token = start + tl.arange(0, BT)
        there = token < end
        at = keys + token[None, :] * D + d[:, None]
        old_1 = tl.load(at, mask=there[None, :], other=0.0)
        old_2 = tl.load(at + half, mask=there[None, :], other=0.0)
        scores = (tl.dot(query_1, old_1) + tl.dot(query_2, old_2)) * scale
        scores = tl.where(there[None, :], scores, float("-inf"))
        risen = tl.maximum(highest, tl.max(scores, axis=1))
        weights = tl.exp(scores - risen[:, None])
        faded = tl.exp(highest - risen)
        total = total * faded + tl.sum(weights, axis=1)
        seen = tl.load(values + token[:, None] * D + wide[None, :], mask=there[:, None], other=0.0)
        acc = acc * faded[:, None] + tl.dot(weights.to(kind), seen)
        highest = risen

    place = ((row * HEADS + head * GROUP + member) * PARTS + part)[:, None]
    tl.store(sums_ptr + place * D + wide[None, :], acc, mask=real)
    single = (row * HEADS + head * GROUP + member) * PARTS + part
    tl.store(weights_ptr + single * 2, highest, mask=member < GROUP)
    tl.store(weights_ptr + single * 2 + 1, total, mask=member < GROUP)


@triton.jit
def join_kernel(
    sums_ptr, weights_ptr, out_ptr,
    HEADS: tl.constexpr, D: tl.constexpr, PARTS: tl.constexpr, SPLIT: tl.constexpr,
):  # fmt: skip
    """Program (row, head): the parts of an attention as one output."""
    row, head = tl.program_id(0), tl.program_id(1)
    part, d = tl.arange(0, PARTS), tl.arange(0, D)
    first = (row * HEADS + head) * PARTS
    highest = tl.load(weights_ptr + (first + part) * 2)
    total = tl.load(weights_ptr + (first + part) * 2 + 1)
    share = tl.exp(highest - tl.max(highest, axis=0))
    sums = tl.load(sums_ptr + (first + part)[:, None] * D + d[None, :])
    out = tl.sum(sums * share[:, None], axis=0) / tl.sum(total * share, axis=0)
    width: tl.constexpr = HEADS * D
    at = row * width + _split(head * D + d, width, SPLIT)
    tl.store(out_ptr + at, out.to(out_ptr.dtype.element_ty))
