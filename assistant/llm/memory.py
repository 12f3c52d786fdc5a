"""How much memory the program holds."""

import psutil
import torch


def resident_bytes() -> int:
    """Resident memory of this process, without its chemistry workers."""
    return int(psutil.Process().memory_info().rss)


def gpu_bytes() -> int | None:
    """Memory that this process has reserved on its GPUs; None when it has not used one."""
    if not torch.cuda.is_initialized():
        return None
    return sum(torch.cuda.memory_reserved(device) for device in range(torch.cuda.device_count()))
