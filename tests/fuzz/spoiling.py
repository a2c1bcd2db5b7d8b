"""Ways in which files go bad, each with a generator of random numbers: bytes, records, tables, NIfTI headers."""

import csv
import gzip
import io
import json
import os
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["BYTES", "HEADER_FIELDS", "PLACES", "TABLES", "TEXTS", "VALUES", "change_header", "set_in_json"]

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 12345\n"


def _flip(raw: bytes, rng: random.Random, times: int) -> bytes:
    changed = bytearray(raw)
    for _ in range(times if changed else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _zero_a_block(raw: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(max(len(raw), 1))
    return raw[:start] + b"\0" * len(raw[start : start + 512]) + raw[start + 512 :]


BYTES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "one bit flipped": lambda raw, rng: _flip(raw, rng, 1),
    "16 bits flipped": lambda raw, rng: _flip(raw, rng, 16),
    "first half": lambda raw, rng: raw[: len(raw) // 2],
    "cut somewhere": lambda raw, rng: raw[: rng.randrange(max(len(raw), 1))],
    "last bytes gone": lambda raw, rng: raw[: -rng.randint(1, 9)],
    "empty": lambda raw, rng: b"",
    "zeros": lambda raw, rng: b"\0" * len(raw),
    "a block of zeros": _zero_a_block,
    "random bytes": lambda raw, rng: rng.randbytes(len(raw)),
    "an error page": lambda raw, rng: b"<!DOCTYPE html><html><body>404 Not Found</body></html>\n",
    "git-lfs pointer": lambda raw, rng: POINTER,
    "twice": lambda raw, rng: raw + raw,
    "gzipped once more": lambda raw, rng: gzip.compress(raw),
    "bytes inserted": lambda raw, rng: (lambda at: raw[:at] + rng.randbytes(3) + raw[at:])(
        rng.randrange(len(raw) + 1)
    ),
}
"""The bytes of a file, spoiled."""


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _link(target: str) -> Callable[[Path], None]:
    def put(path: Path) -> None:
        path.unlink()
        path.symlink_to(target)

    return put


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


PLACES: dict[str, Callable[[Path], None]] = {
    "gone": Path.unlink,
    "a folder": _folder,
    "a link to nowhere": _link("/nowhere/at/all"),
    "a link to itself": lambda path: _link(path.name)(path),
    "a pipe": _pipe,
    "a device": _link("/dev/zero"),
}
"""What stands where a file was."""

VALUES: tuple[Any, ...] = (
    None, True, "", " ", "x", "../../x", "/etc/passwd", "=1+1", "\u0000", "\u202e", "a\nb", "ü", "x" * 5000, "nan", "1e999",
    0, -1, 1, 2**31, 2**63, 10**30, 0.5, -0.5, 1e308, float("nan"), float("inf"), float("-inf"),
    [], [None], [[]], [1, 2], ["a", "a"], {}, {"a": 1}, {"": ""}, [[[[[[1]]]]]],
)  # fmt: skip
"""What may stand in a record where something else is due."""


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [deeper for key, one in entries for deeper in [(*path, key), *_paths(one, (*path, key))]]


def set_in_json(text: str, rng: random.Random) -> str:
    """One value of a document replaced by another, removed, or given another name."""
    document = json.loads(text)
    *above, key = rng.choice(_paths(document))
    place = document
    for step in above:
        place = place[step]
    how = rng.choice(("value", "value", "value", "gone", "renamed"))
    if how == "value":
        place[key] = rng.choice(VALUES)
    else:
        value = place.pop(key)
        if how == "renamed" and isinstance(place, dict):
            place[f"{key}x"] = value
    return json.dumps(document)


TEXTS: dict[str, Callable[[str, random.Random], bytes]] = {
    "UTF-16": lambda text, rng: text.encode("utf-16"),
    "Latin-1": lambda text, rng: text.encode("latin-1", "replace") + b" \xe4\xff",
    "byte order mark": lambda text, rng: text.encode("utf-8-sig"),
    "Windows line ends": lambda text, rng: text.replace("\n", "\r\n").encode(),
    "old Mac line ends": lambda text, rng: text.replace("\n", "\r").encode(),
    "null characters": lambda text, rng: text.replace("a", "a\0").encode(),
    "deep brackets": lambda text, rng: b"[" * 100_000,
    "deep braces": lambda text, rng: b'{"a":' * 100_000,
    "only null": lambda text, rng: b"null",
    "a list": lambda text, rng: b"[1, 2]",
    "a number of 5,000 digits": lambda text, rng: b'{"version": ' + b"9" * 5000 + b"}",
    "a cell of 200,000 characters": lambda text, rng: text.encode() + b"x" * 200_000 + b"\n",
    "upper case": lambda text, rng: text.upper().encode(),
    "an open quote": lambda text, rng: text.encode() + b'"open',
    "a lone surrogate": lambda text, rng: text.replace("a", "\\ud800").encode(),
    "doubled lines": lambda text, rng: "".join(line * 2 for line in text.splitlines(keepends=True)).encode(),
    "blank": lambda text, rng: b"\n \n\t\n",
}  # fmt: skip
"""The text of a file as people and programs spoil it."""


def _table(change: Callable[[list[list[str]], random.Random], None]) -> Callable[[str, random.Random], bytes]:
    def spoil(text: str, rng: random.Random) -> bytes:
        rows = list(csv.reader(io.StringIO(text)))
        change(rows, rng)
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerows(rows)
        return stream.getvalue().encode(errors="surrogatepass")

    return spoil


def _cell(rows: list[list[str]], rng: random.Random) -> None:
    row = rng.choice(rows)
    row[rng.randrange(len(row))] = str(rng.choice(VALUES))


def _no_column(rows: list[list[str]], rng: random.Random) -> None:
    at = rng.randrange(len(rows[0]))
    for row in rows:
        del row[at]


TABLES = {
    "another cell": _table(_cell),
    "a column less": _table(_no_column),
    "a cell less": _table(lambda rows, rng: rng.choice(rows).pop()),
    "a cell more": _table(lambda rows, rng: rng.choice(rows).append("x")),
    "no header": _table(lambda rows, rng: rows.pop(0) and None),
    "header alone": _table(lambda rows, rng: rows.__delitem__(slice(1, None))),
    "a row twice": _table(lambda rows, rng: rows.append(list(rng.choice(rows)))),
    "a row of blanks": _table(lambda rows, rng: rows.append([""] * len(rows[0]))),
    "two columns of one name": _table(lambda rows, rng: rows[0].__setitem__(-1, rows[0][0])),
}
"""A table, spoiled."""

_NAN, _INF = float("nan"), float("inf")
HEADER_FIELDS: dict[str, tuple[int, str, tuple[float, ...]]] = {
    "sizeof_hdr": (0, "<i", (0, 540, 1)),
    "dim[0]": (40, "<h", (0, -1, 2, 8, 32767)),
    "dim[1]": (42, "<h", (0, -5, 1, 32767)),
    "dim[3]": (46, "<h", (0, -5, 1, 32767)),
    "datatype": (70, "<h", (0, 1, 3, 32, 128, 1792, 2304, 9999)),
    "bitpix": (72, "<h", (0, 1, 7, 64, -8)),
    "qfac": (76, "<f", (0.0, 5.0, -1.0, _NAN)),
    "pixdim[1]": (80, "<f", (0.0, -1.0, _NAN, _INF, 1e-30, 1e30)),
    "pixdim[3]": (88, "<f", (0.0, -1.0, _NAN, _INF)),
    "vox_offset": (108, "<f", (0.0, 16.0, 351.0, 352.5, 1e9, -1.0, _NAN, _INF)),
    "scl_slope": (112, "<f", (_NAN, _INF, -1.0, 1e-40, 1e38)),
    "scl_inter": (116, "<f", (_NAN, _INF, 1e38)),
    "xyzt_units": (123, "<B", (1, 3, 4, 7, 255)),
    "qform_code": (252, "<h", (-1, 99)),
    "sform_code": (254, "<h", (-1, 99, 0)),
    "quatern_b": (256, "<f", (_NAN, 5.0, _INF)),
    "srow_x[0]": (280, "<f", (_NAN, _INF, 0.0, 1e30)),
    "srow_z[3]": (324, "<f", (_NAN, _INF, 1e30)),
    "magic": (344, "<i", (0, 0x0031696E)),
}
"""Fields of a NIfTI-1 header: offset, form, and values that few readers expect."""


def change_header(path: Path, field: str, value: float) -> None:
    """Write a value into the header of a `.nii.gz` file, in place."""
    offset, form, _ = HEADER_FIELDS[field]
    raw = bytearray(gzip.decompress(path.read_bytes()))
    struct.pack_into(form, raw, offset, value)
    path.write_bytes(gzip.compress(bytes(raw), 1))
