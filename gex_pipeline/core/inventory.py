"""What takers have bought and sold of contracts up to any instant, and what dealers hold because of it.

Amounts are whole hundred-millionths of a coin, so that sums are exact: in whatever order, and when one is taken from
another. Belongs here: sums over signed trades. Not: which trades there are, or when they began.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gex_pipeline.core.black76 import Floats

Whole = NDArray[np.int64]

#: Parts that a coin is counted in; the venues' lots are multiples of one.
PARTS_PER_COIN = 100_000_000
#: The number of no row: counted from the end.
NONE = -1
# contract and microseconds share 63 bits: half a million contracts, 200 days
_TIME_BITS = 44
_NO_CONTRACT = 2**19 - 1


def parts(coins: Floats) -> Whole:
    """Coins as whole parts, rounded."""
    return np.rint(coins * PARTS_PER_COIN).astype(np.int64)


def coins(counted: Whole) -> Floats:
    """Parts as coins."""
    return counted / PARTS_PER_COIN


@dataclass(frozen=True)
class Running:
    """Running sums of signed trades per contract.

    ``key`` ascends by contract, then time; ``held`` has the sums of the contract's rows up to each, (rows, kinds).
    The last row is no contract's, and nothing: row ``NONE``.
    """

    key: Whole
    held: Whole

    @staticmethod
    def from_rows(contract: Whole, at_us: Whole, amounts: Whole) -> Running:
        """Rows in any order. ``contract`` from 0, ``at_us`` from 0 on, ``amounts`` of shape (rows, kinds)."""
        key = contract << _TIME_BITS | at_us
        order = np.argsort(key, kind="stable")
        key, total = key[order], np.zeros((len(key) + 1, amounts.shape[1]), dtype=np.int64)
        np.cumsum(amounts[order], axis=0, out=total[1:])
        first = np.searchsorted(key, key >> _TIME_BITS << _TIME_BITS)
        nothing = np.zeros_like(total[:1])
        return Running(np.append(key, _NO_CONTRACT << _TIME_BITS), np.vstack([total[1:] - total[first], nothing]))

    def last(self, contract: Whole, at_us: Whole) -> Whole:
        """Number of each contract's last row up to and at an instant, shape (n,); ``NONE`` without any."""
        found = np.searchsorted(self.key, contract << _TIME_BITS | at_us, side="right") - 1
        return np.where(self.key[found] >> _TIME_BITS == contract, found, NONE)


def dealers(inventory: Floats, open_interest: Floats) -> Floats:
    """Dealers' coins: minus what takers hold, at most the open interest either way."""
    return np.clip(-inventory, -open_interest, open_interest)
