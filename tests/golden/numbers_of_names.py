"""Numbers that depend on a name alone, as tests/models/numbers.hpp computes them."""
import numpy as np


def numbers(name, count):
    """Numbers in [-0.5, 0.5) from the FNV-1a hash of a name."""
    state = 2166136261
    for byte in name.encode():
        state = (state ^ byte) * 16777619 % 2**32
    index = np.arange(count, dtype=np.uint64)
    return ((index * 2654435761 + state) % 2**32) / 2.0**32 - 0.5
