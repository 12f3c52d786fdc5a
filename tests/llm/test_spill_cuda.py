"""Tests of caches that leave a GPU for the memory of the machine and come back."""

import pytest
import torch

from assistant.llm.kv import CacheShape, RowCache
from assistant.llm.row_caches import memory_elsewhere

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is visible"),
]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_a_spilled_cache_frees_the_gpu_and_comes_back_bit_for_bit(dtype: torch.dtype) -> None:
    device = torch.device("cuda:0")
    before = torch.cuda.memory_allocated()
    cache = RowCache(CacheShape(4, 8, 64, dtype, device))
    cache.reserve(1000)
    cache._store.normal_()
    cache.length = 1000
    expected = cache._store[:, :, :, :900].cpu()
    held = torch.cuda.memory_allocated()
    cache.spill(memory_elsewhere(device))
    assert cache.keys[0].device.type == "cpu"
    assert torch.cuda.memory_allocated() == before < held
    back = cache.fork(900)
    assert back.keys[0].device == device
    assert torch.equal(back._store[:, :, :, :900].cpu(), expected)
