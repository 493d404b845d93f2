"""CRC-32C (Castagnoli), the checksum of TensorFlow's checkpoints, vectorised with numpy.

A CRC is linear over GF(2). Let `advance(n)` be the map that feeds n zero bytes to the register. For a message of
32-bit words w[0..N) the register ends, from zero, as the exclusive or over i of `advance(4 * (N - i))(w[i])`. So rows
of many words are folded at once, `state = advance(row bytes)(state) ^ row`, and the last row is folded in halves.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
import numpy.typing as npt

_POLYNOMIAL = 0x82F63B78  # reflected
_ROW = 4096  # words folded at once: a row and two tables of 65,536 words stay in the second-level cache
_SMALL = 1024  # below this many bytes a plain loop is faster
_ALL = 0xFFFFFFFF

Words = npt.NDArray[np.uint32]


def crc32c(*parts: bytes | memoryview) -> int:
    """The CRC-32C of the parts one after the other."""
    register = _ALL
    for part in parts:
        register = _feed(register, memoryview(part))
    return register ^ _ALL


def unmask(masked: int) -> int:
    """A checksum as LevelDB's table format stores it, turned back into the CRC."""
    rotated = (masked - 0xA282EAD8) & _ALL
    return ((rotated >> 17) | (rotated << 15)) & _ALL


def mask(crc: int) -> int:
    """The CRC as LevelDB's table format and TensorFlow's bundles store it: the inverse of `unmask`."""
    return ((((crc >> 15) | (crc << 17)) & _ALL) + 0xA282EAD8) & _ALL


def _feed(register: int, data: memoryview) -> int:
    if len(data) < _SMALL:
        return _feed_bytes(register, data)
    head = (len(data) - 4) % (4 * _ROW) + 4
    rows = np.frombuffer(data[head:], "<u4").reshape(-1, _ROW)
    state = _folded(_words(register, bytes(data[:head]), _ROW if len(rows) else 1), _ROW)
    if len(rows):
        low, high = _tables(4 * _ROW)
        for row in rows:
            state = low.take(state & 0xFFFF) ^ high.take(state >> 16) ^ row
    return int(_apply(4, _folded(state, 1))[0])


def _words(register: int, head: bytes, least: int) -> Words:
    """A power of two of words, `least` or more, with `head` last: zeros in front change nothing from zero on.

    A register before a message acts as if it were joined, by exclusive or, to the message's first four bytes.
    """
    first = int.from_bytes(head[:4], "little") ^ register
    count = max(least, 1 << ((len(head) + 3) // 4 - 1).bit_length())
    return np.frombuffer(bytes(4 * count - len(head)) + first.to_bytes(4, "little") + head[4:], "<u4")


def _folded(state: Words, size: int) -> Words:
    """At most `size` words from which the same register comes."""
    while state.size > size:
        half = state.size // 2
        state = _apply(4 * half, state[:half]) ^ state[half:]
    return state


def _feed_bytes(register: int, data: Iterable[int]) -> int:
    table = _byte_table()
    for byte in data:
        register = table[(register ^ byte) & 0xFF] ^ (register >> 8)
    return register


@cache
def _byte_table() -> tuple[int, ...]:
    def entry(value: int) -> int:
        for _ in range(8):
            value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
        return value

    return tuple(map(entry, range(256)))


def _apply(count: int, vectors: Words) -> Words:
    """`advance(count)` of each of the registers."""
    tables = _octet_tables(count)
    result = tables[0].take(vectors & 0xFF)
    for index in (1, 2, 3):
        result ^= tables[index].take((vectors >> np.uint32(8 * index)) & 0xFF)
    return result


@cache
def _matrix(count: int) -> Words:
    """The images of the register's 32 bits after `count` zero bytes; `count` is a power of two."""
    if count == 1:
        return np.array([_feed_bytes(1 << bit, b"\0") for bit in range(32)], np.uint32)
    return _apply(count // 2, _matrix(count // 2))


@cache
def _octet_tables(count: int) -> tuple[Words, ...]:
    matrix = _matrix(count)
    return tuple(_span(matrix[bit : bit + 8]) for bit in range(0, 32, 8))


@cache
def _tables(count: int) -> tuple[Words, Words]:
    """`advance(count)` of all values of the register's low half, and of its high half."""
    matrix = _matrix(count)
    return _span(matrix[:16]), _span(matrix[16:])


def _span(images: Words) -> Words:
    table = np.zeros(1, np.uint32)
    for image in images:
        table = np.concatenate([table, table ^ image])
    return table
