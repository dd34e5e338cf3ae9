"""The order of training: one seeded permutation for each phase and epoch, in O(1) memory.

Position `i` of an epoch reads item `permute(i)` of the phase. The permutation is a balanced Feistel network (Luby and
Rackoff, 1988) on the smallest even number of bits that holds the items, with cycle walking (Black and Rogaway, 2002): while
the result is not an item, it goes through the network again. So any position is computed by itself, and nothing is stored.
To resume, a run needs only (phase, epoch, position), for any number of workers or machines.

Specification, version 1 (unsigned 64-bit arithmetic, wrapping)::

    key  = first 8 bytes, little-endian, of SHA-256("rotrain-order-v1|{seed}|{phase}|{epoch}")
    mix(x):  x ^= x >> 30;  x *= 0xBF58476D1CE4E5B9
             x ^= x >> 27;  x *= 0x94D049BB133111EB;  x ^= x >> 31      (splitmix64, Steele 2014)
    k[r] = mix(key + (r + 1) * 0x9E3779B97F4A7C15)          for rounds r = 0 ... 5
    w    = max(1, ceil(bits(n - 1) / 2));  mask = 2^w - 1
    x    = (left << w) | right
    round r:  left, right = right, left ^ (mix(right + k[r]) & mask)
    repeat the six rounds while x >= n
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROUNDS = 6
_GOLDEN = 0x9E3779B97F4A7C15
_MASK64 = (1 << 64) - 1


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x = x ^ (x >> np.uint64(30))
    x = x * np.uint64(0xBF58476D1CE4E5B9)
    x = x ^ (x >> np.uint64(27))
    x = x * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@dataclass(frozen=True)
class Order:
    """The permutation of the items of a phase in an epoch.

    Attributes:
        items: Number of items.
        seed: Seed of the run.
        phase: Name of the phase.
        epoch: Number of the epoch, from 0.

    Examples:
        >>> order = Order(items=6, seed=0, phase="web", epoch=0)
        >>> sorted(order.permute(np.arange(6)).tolist())
        [0, 1, 2, 3, 4, 5]
        >>> order.permute(np.array([4])) == order.permute(np.arange(6))[4]
        array([ True])
    """

    items: int
    seed: int
    phase: str
    epoch: int

    def permute(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the items at positions.

        Args:
            positions: Numbers from 0 to items - 1, (n,) int64.

        Returns:
            Numbers from 0 to items - 1, (n,) int64.
        """
        width = np.uint64(max(1, ((self.items - 1).bit_length() + 1) // 2))
        mask = (np.uint64(1) << width) - np.uint64(1)
        keys = self._keys()
        x = positions.astype(np.uint64)
        walking = np.arange(len(x))
        while len(walking):
            left, right = x[walking] >> width, x[walking] & mask
            for key in keys:
                left, right = right, left ^ (_mix(right + key) & mask)
            x[walking] = (left << width) | right
            walking = walking[x[walking] >= self.items]
        return x.astype(np.int64)

    def _keys(self) -> NDArray[np.uint64]:
        text = f"rotrain-order-v1|{self.seed}|{self.phase}|{self.epoch}"
        key = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
        rounds = [(key + (r + 1) * _GOLDEN) & _MASK64 for r in range(ROUNDS)]
        return _mix(np.array(rounds, dtype=np.uint64))
