"""Random numbers: streams of their own for each label, and numbers that belong to a place, whatever else is drawn."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from gex_pipeline.core.black76 import Floats

Ints = NDArray[np.int64]
_GOLDEN = 0x9E3779B97F4A7C15


def generator(seed: int, *labels: str) -> np.random.Generator:
    """A stream of draws; a longer one begins as a shorter one does."""
    return np.random.default_rng([seed, zlib.crc32("/".join(labels).encode())])


def key(seed: int, *labels: str) -> int:
    """A number of a seed and labels that is the same in every process (Python's hash of a string is not)."""
    return zlib.crc32(f"{seed}/{'/'.join(labels)}".encode())


def uniform(of_key: int, numbers: Ints | int) -> Floats:
    """A number in (0, 1) per integer: the finaliser of splitmix64 (doi:10.1145/2714064.2660195)."""
    z = np.atleast_1d(np.asarray(numbers)).astype(np.uint64) + np.uint64(of_key * _GOLDEN % 2**64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) / 2.0**53 + 2.0**-54


def normal(of_key: int, numbers: Ints | int) -> Floats:
    """A standard normal number per integer."""
    return np.asarray(ndtri(uniform(of_key, numbers)))
