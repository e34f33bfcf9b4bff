"""Transaction numbers: positive, 31 bits, unique in an installation, not to be guessed in sequence.

1.6 calls it transactionId (section 5.11). A sequence would tell every charger what its neighbours
do, so counters are scattered over 30 bits by a keyed permutation.
"""

import hashlib
from collections import deque
from collections.abc import Callable

HALF_BITS = 15
HALF_MASK = (1 << HALF_BITS) - 1
COUNTER_BITS = 2 * HALF_BITS
EMERGENCY_FIRST = 1 << COUNTER_BITS
"""Numbers from here on were drawn at random, because no lease could be had."""


def scatter(counter: int, key: bytes, rounds: int) -> int:
    """Return the number of `counter` (both 30 bits): a Feistel network, so one to one."""
    left, right = counter >> HALF_BITS, counter & HALF_MASK
    for index in range(rounds):
        digest = hashlib.blake2s(
            right.to_bytes(2, "big"), key=key, person=bytes([index]), digest_size=2
        ).digest()
        left, right = right, left ^ (int.from_bytes(digest, "big") & HALF_MASK)
    return left << HALF_BITS | right


class Numbers:
    """Numbers out of leased blocks of counters.

    Args:
        key: the installation's secret: the same on every gateway.
        rounds: of the permutation: the same on every gateway.
        draw: returns a random integer below its argument, for the day when no lease can be had.
        wanted: called whenever less than half of a block is left.
    """

    def __init__(
        self, key: bytes, rounds: int, draw: Callable[[int], int], wanted: Callable[[], None]
    ) -> None:
        self._key = hashlib.blake2s(key, person=b"tx").digest()
        self._rounds = rounds
        self._draw = draw
        self._wanted = wanted
        self._blocks: deque[tuple[int, int]] = deque()
        self.left = 0
        self.emergencies = 0
        self._low = 1

    def lease(self, first: int, last: int) -> None:
        """Take a block of counters, both ends included."""
        self._blocks.append((first, last))
        self.left += last - first + 1
        self._low = (last - first + 1) // 2

    def __call__(self) -> int:
        """Return the next number."""
        number = 0
        while self._blocks and number == 0:
            first, last = self._blocks[0]
            if first >= last:
                self._blocks.popleft()
            else:
                self._blocks[0] = (first + 1, last)
            self.left -= 1
            number = scatter(first, self._key, self._rounds)  # 0 is none: the next one then
        if self.left <= self._low:
            self._wanted()
        if number:
            return number
        self.emergencies += 1
        return EMERGENCY_FIRST + self._draw(EMERGENCY_FIRST)
