"""A text of any size that a machine with this book's packages has, without a network."""
from __future__ import annotations

import hashlib
import sysconfig
from importlib.util import find_spec
from pathlib import Path

LEFT_OUT = {"site-packages", "dist-packages", "__pycache__", "test", "tests", "idle_test", "lib2to3"}


def sources(
    folder: Path,
) -> list:  # of paths, in the same order everywhere
    "The Python files below a folder, without those of tests."
    def key(path): return path.relative_to(folder).as_posix()
    found = sorted(folder.rglob("*.py"), key=key)
    return [p for p in found if not LEFT_OUT & set(p.relative_to(folder).parts)]


def training_text(
    size: int,  # bytes
) -> str:
    """Tiny Shakespeare (or the sample), then the source of Python's library, then that of PyTorch.

    It is code and the English of its comments and docstrings, and depends on the versions of both;
    the checksum says whether two machines have the same text."""
    from zth.data import shakespeare
    parts, total = [str(shakespeare())], 0
    folders = [Path(sysconfig.get_paths()["stdlib"])]
    folders += [Path(find_spec(name).origin).parent for name in ("torch", "numpy") if find_spec(name)]
    total = len(parts[0].encode())
    for path in (p for folder in folders for p in sources(folder)):
        if total >= size: break
        try: parts.append(path.read_bytes().decode())
        except UnicodeDecodeError: continue  # a file in another encoding
        total += len(parts[-1].encode())
    data = "".join(parts).encode()
    if len(data) < size: raise ValueError(f"there are {len(data):,} bytes of text, not {size:,}")
    return data[:size].decode(errors="ignore")  # without a character that is cut in two


def checksum(
    text: str,
) -> str:  # SHA-256 of its UTF-8
    "What tells two texts apart."
    return hashlib.sha256(text.encode()).hexdigest()
