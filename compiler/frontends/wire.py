"""Protobuf's wire format, walked over a memoryview without copying: Caffe and TensorFlow files are read with it.

`fields` yields what stands in a message, in order; nothing is interpreted and nothing is copied: a length-delimited
field is a slice of the same memory. Damage of any kind is a `WireError`, never another exception and never a large
allocation: every length is checked against the bytes that are there.

    for number, wire, value in fields(view, what="GraphDef"):
        if number == 1 and wire == BYTES:
            nodes.append(as_view(value))
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from regraft.errors import Diagnostic, ModelFileError

VARINT, FIXED64, BYTES, GROUP, END_GROUP, FIXED32 = range(6)

Value: TypeAlias = int | memoryview
"""An unsigned 64-bit int for VARINT, else the bytes: the payload of BYTES, 4 bytes of FIXED32, 8 of FIXED64."""

_GROUP_DEPTH = 100
_FLOAT, _DOUBLE = struct.Struct("<f"), struct.Struct("<d")


class WireError(ValueError):
    """Bytes that are not a protobuf message; `offset` counts from the start of `view`."""

    def __init__(self, message: str, view: memoryview, offset: int) -> None:
        super().__init__(f"{message} at byte {offset}")
        self.message, self.view, self.offset = message, view, offset

    def offset_in(self, root: memoryview) -> int:
        """The offset counted from the start of `root`, of which `view` is a slice."""
        if not len(self.view) or not len(root):
            return self.offset
        inside = _address(self.view) - _address(root)
        return inside + self.offset if 0 <= inside <= len(root) else self.offset


def _address(view: memoryview) -> int:
    return int(np.frombuffer(view, np.uint8).__array_interface__["data"][0])


def _varint(view: memoryview, pos: int, what: str) -> tuple[int, int]:
    """(value, position after it); at most 10 bytes, cut to 64 bits as protobuf does."""
    value, start = 0, pos
    for byte in view[pos : pos + 10]:
        value |= (byte & 0x7F) << 7 * (pos - start)
        pos += 1
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, pos
    problem = "an overlong number" if pos - start == 10 else "the end of the data inside a number"
    raise WireError(f"{what}: {problem}", view, start)


def _skip_group(view: memoryview, pos: int, number: int, what: str) -> int:
    """The position after the END_GROUP that closes group `number`; groups inside are skipped with it."""
    start, open_groups, end = pos, [number], len(view)
    while pos < end:
        key, pos = _varint(view, pos, what)
        kind = key & 7
        if kind == GROUP:
            open_groups.append(key >> 3)
            if len(open_groups) > _GROUP_DEPTH:
                raise WireError(f"{what}: groups nested too deep", view, pos)
        elif kind == END_GROUP:
            if open_groups.pop() != key >> 3:
                raise WireError(f"{what}: a group ends that was not begun", view, pos)
            if not open_groups:
                return pos
        else:
            _, _, _, pos = _payload(view, pos, key, what)
    raise WireError(f"{what}: a group without an end", view, start)


def _payload(view: memoryview, pos: int, key: int, what: str) -> tuple[int, int, Value, int]:
    """(number, wire type, value, position after) of the field whose key was read just before `pos`."""
    kind, end = key & 7, len(view)
    if not key >> 3 or key >> 32:
        raise WireError(f"{what}: field number {key >> 3}", view, pos)
    if kind == VARINT:
        value, pos = _varint(view, pos, what)
        return key >> 3, kind, value, pos
    if kind == BYTES:
        size, pos = _varint(view, pos, what)
    elif kind == FIXED32:
        size = 4
    elif kind == FIXED64:
        size = 8
    elif kind == GROUP:
        after = _skip_group(view, pos, key >> 3, what)
        return key >> 3, kind, view[pos:after], after
    else:
        raise WireError(f"{what}: wire type {kind} of field {key >> 3}", view, pos)
    if pos + size > end:
        raise WireError(f"{what}: field {key >> 3} wants {size} bytes and {end - pos} are left", view, pos)
    return key >> 3, kind, view[pos : pos + size], pos + size


def read_field(view: memoryview, pos: int, *, what: str = "message") -> tuple[int, int, Value, int]:
    """The one field at `pos`: (number, wire type, value, position of the next); a group's value is its bytes."""
    key, pos = _varint(view, pos, what)
    return _payload(view, pos, key, what)


def varint(number: int) -> bytes:
    """A number that is not negative as a varint, in the shortest form, as every writer gives it."""
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*found, number))


def read_varint(view: memoryview, pos: int, *, what: str = "message") -> tuple[int, int]:
    """The varint at `pos`, unsigned, and the position after it: for data that is varints outside any field."""
    return _varint(view, pos, what)


def fields(view: memoryview, *, what: str = "message") -> Iterator[tuple[int, int, Value]]:
    """(field number, wire type, value) of every field in order; groups (long deprecated) are skipped.

    `what` names the message in errors. The two common kinds are spelled out here for speed.
    """
    pos, end = 0, len(view)
    while pos < end:
        key = view[pos]
        pos += 1
        if key >= 0x80:
            key, pos = _varint(view, pos - 1, what)
        kind = key & 7
        if kind == BYTES and 7 < key < 0x1_0000_0000 and pos < end:
            size = view[pos]
            pos += 1
            if size >= 0x80:
                size, pos = _varint(view, pos - 1, what)
            stop = pos + size
            if stop > end:
                raise WireError(f"{what}: field {key >> 3} wants {size} bytes and {end - pos} are left", view, pos)
            yield key >> 3, BYTES, view[pos:stop]
            pos = stop
        elif kind == VARINT and 7 < key < 0x1_0000_0000 and pos < end and view[pos] < 0x80:
            yield key >> 3, VARINT, view[pos]
            pos += 1
        else:
            number, kind, value, pos = _payload(view, pos, key, what)
            if kind != GROUP:
                yield number, kind, value


# Values ---------------------------------------------------------------------------------------------------------------


def as_view(value: Value) -> memoryview:
    """The bytes of a field that is not a varint."""
    if isinstance(value, int):
        raise WireError(f"a number ({value}) where bytes are expected", memoryview(b""), 0)
    return value


def as_int(value: Value) -> int:
    """A varint as it stands: unsigned 64 bits."""
    if isinstance(value, int):
        return value
    raise WireError("bytes where a number is expected", value, 0)


def as_signed(value: Value) -> int:
    """A varint of a field declared int32, int64 or enum."""
    number = as_int(value)
    return number - (1 << 64) if number >> 63 else number


def as_text(value: Value) -> str:
    """A string field; bytes that are no UTF-8 become `\\xe9`, so that names stay distinct and can be printed."""
    if isinstance(value, int):
        raise WireError(f"a number ({value}) where text is expected", memoryview(b""), 0)
    return str(value, "utf-8", "backslashreplace")


def as_float(value: Value) -> float:
    """A float (FIXED32) or double (FIXED64) field."""
    view = as_view(value)
    if len(view) not in (4, 8):
        raise WireError(f"{len(view)} bytes where a float is expected", view, 0)
    return float((_FLOAT if len(view) == 4 else _DOUBLE).unpack(view)[0])


def packed(value: Value, dtype: DTypeLike) -> NDArray[np.generic]:
    """A packed field of fixed-size numbers as a read-only array over the same memory (it may be unaligned)."""
    view, kind = as_view(value), np.dtype(dtype).newbyteorder("<")
    if len(view) % kind.itemsize:
        raise WireError(f"{len(view)} bytes are no whole number of {kind.name} values", view, 0)
    return np.frombuffer(view, kind) if len(view) else np.empty(0, kind)


def packed_varints(value: Value) -> NDArray[np.int64]:
    """A packed field of varints, signed (int32, int64, bool, enum), decoded without a Python loop."""
    view = as_view(value)
    if not len(view):
        return np.empty(0, np.int64)
    raw = np.frombuffer(view, np.uint8)
    last = np.flatnonzero(raw < 0x80)
    if not last.size or last[-1] != raw.size - 1:
        raise WireError("packed numbers: the end of the data inside a number", view, len(view))
    if last.size == raw.size:
        return raw.astype(np.int64)
    first = np.concatenate(([0], last[:-1] + 1))
    length = last - first + 1
    if length.max() > 10:
        raise WireError("packed numbers: an overlong number", view, int(first[length.argmax()]))
    shift = (np.arange(raw.size) - np.repeat(first, length)).astype(np.uint64) * np.uint64(7)
    parts = (raw & np.uint8(0x7F)).astype(np.uint64) << shift
    return np.bitwise_or.reduceat(parts, first).view(np.int64)


# Files ----------------------------------------------------------------------------------------------------------------


def open_bytes(path: str | Path) -> memoryview:
    """The whole file as a read-only view of mapped memory: nothing is read before it is used.

    The mapping lives as long as the view or any array over it.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            if not path.stat().st_size:
                raise ModelFileError(Diagnostic("file-empty", f"{path} is empty (0 bytes)", str(path), (), (_AGAIN,)))
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except FileNotFoundError:
        there = sorted(p.name for p in path.parent.iterdir() if p.is_file()) if path.parent.is_dir() else []
        lines = (f"files there: {', '.join(there[:10])}{' ...' if len(there) > 10 else ''}",) if there else ()
        raise ModelFileError(Diagnostic("file-missing", f"there is no file {path}", "", lines)) from None
    except IsADirectoryError:
        raise ModelFileError(Diagnostic("file-directory", f"{path} is a directory: name the file in it")) from None
    except (OSError, ValueError) as error:
        raise ModelFileError(Diagnostic("file-unreadable", f"{path} cannot be read: {error}")) from None


_AGAIN = "download or export the file again"
_UNPACK = "unpack it and pass the model file inside"
_FOREIGN: tuple[tuple[str, int, bytes, str, str], ...] = (
    ("git-lfs-pointer", 0, b"version https://git-lfs", "a git-LFS pointer, not the file itself", "git lfs pull"),
    ("wrong-file", 0, b"PK\x03\x04", "a zip archive (or .npz, .keras, PyTorch)", _UNPACK),
    ("wrong-file", 0, b"\x1f\x8b", "a gzip archive", _UNPACK),
    ("wrong-file", 0, b"\xfd7zXZ\0", "an xz archive", _UNPACK),
    ("wrong-file", 0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    ("wrong-file", 0, b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    ("wrong-file", 4, b"1AY&SY", "a bzip2 archive", _UNPACK),
    ("wrong-file", 257, b"ustar", "a tar archive", _UNPACK),
    ("hdf5-file", 0, b"\x89HDF\r\n\x1a\n", "an HDF5 file", "pass the binary protobuf snapshot of the same network"),
    ("wrong-file", 0, b"\x93NUMPY", "a NumPy array", "pass the model file; an .npy may only be a mean file"),
    ("wrong-file", 0, b"\x89PNG", "a PNG picture", "pass the model file"),
    ("wrong-file", 0, b"\xff\xd8\xff", "a JPEG picture", "pass the model file"),
    ("wrong-file", 0, b"%PDF", "a PDF document", "pass the model file"),
    ("wrong-file", 0, b"\x7fELF", "a program or library", "pass the model file"),
    ("wrong-file", 4, b"TFL3", "a TensorFlow Lite model", "pass the GraphDef or SavedModel that it was made from"),
    ("html-page", 0, b"<!doctype html", "an HTML page: the download gave a web page, not the file", _AGAIN),
    ("html-page", 0, b"<html", "an HTML page: the download gave a web page, not the file", _AGAIN),
    ("wrong-file", 0, b"<?xml", "an XML file: an error page, or an OpenVINO model", _AGAIN),
)


def reject_foreign(path: str | Path, view: memoryview) -> None:
    """Raises a ModelFileError with the cure when the first bytes say that the file is none of ours."""
    head = bytes(view[:512])
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for code, at, magic, what, cure in _FOREIGN:
        if head[at : at + len(magic)] == magic or (magic[:1] == b"<" and text.startswith(magic)):
            raise ModelFileError(Diagnostic(code, f"{path} is {what}", str(path), (f"{len(view)} bytes",), (cure,)))
    if not any(head) and not any(bytes(view[-512:])):
        raise ModelFileError(Diagnostic("wrong-file", f"{path} is filled with zero bytes", str(path), (), (_AGAIN,)))


def damaged(path: str | Path, root: memoryview, error: WireError, expected: str) -> ModelFileError:
    """The ModelFileError for a WireError met while reading `path`, of which `root` is the whole content."""
    return ModelFileError(
        Diagnostic(
            "file-damaged",
            f"{path} is damaged or cut short, or it is no {expected}",
            f"{path} (byte {error.offset_in(root)} of {len(root)})",
            (error.message,),
            (_AGAIN,),
        )
    )
