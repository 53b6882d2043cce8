"""The library as one installable file: a wheel with equal bytes whenever the code is equal, made without a network."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from importlib.metadata import distribution, version
from pathlib import Path

PACKAGE = Path(__file__).parent
SKIPPED = {"__pycache__", ".ipynb_checkpoints", "_notebooks"}
LOCK = "_requirements.lock"
EPOCH = (1980, 1, 1, 0, 0, 0)
PACKED = zipfile.ZIP_DEFLATED


def name() -> str:
    return f"cdmlib-{version('cdmlib')}-py3-none-any.whl"


def requirements() -> Path | None:
    """The lock of the packages: beside the package in a checkout, inside it when installed as a wheel; None when it is lost."""
    there = (PACKAGE.parent / "requirements.lock", PACKAGE / LOCK)
    return next((path for path in there if path.is_file()), None)


def files(notebooks: Path) -> dict[str, bytes]:
    """Every file of the library and its notebooks by its place in the wheel; two with equal content are equal code."""
    found = {}
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and not SKIPPED & set(path.relative_to(PACKAGE).parts) and path.name != LOCK:
            found[f"cdmlib/{path.relative_to(PACKAGE).as_posix()}"] = path.read_bytes()
    for path in sorted(notebooks.glob("*.ipynb")):
        found[f"cdmlib/_notebooks/{path.name}"] = path.read_bytes()
    if lock := requirements():
        found[f"cdmlib/{LOCK}"] = lock.read_bytes()
    return found


def write(path: Path, notebooks: Path) -> None:
    """Write the wheel to `path`."""
    info = f"cdmlib-{version('cdmlib')}.dist-info"
    content = files(notebooks)
    content[f"{info}/METADATA"] = (distribution("cdmlib").read_text("METADATA") or "").encode()
    content[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: cdmlib\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    content[f"{info}/entry_points.txt"] = b"[console_scripts]\ncdm = cdmlib.cli:main\n"
    lines = [f"{name},sha256={_hash(data)},{len(data)}" for name, data in content.items()]
    content[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()
    with zipfile.ZipFile(path, "w", PACKED, compresslevel=6) as wheel:
        for name, data in content.items():
            wheel.writestr(zipfile.ZipInfo(name, EPOCH), data, PACKED)


def _hash(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode("ascii")
