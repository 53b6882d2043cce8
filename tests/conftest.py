"""Fixtures that several test files share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REALDATA = Path(os.environ.get("CDM_REALDATA", Path(__file__).parents[2] / "shared" / "realdata"))


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of public real files; tests that need it are skipped where it is absent."""
    if not REALDATA.is_dir():
        pytest.skip(f"the public real data are not at {REALDATA}; set CDM_REALDATA to their folder")
    return REALDATA


@pytest.fixture
def data(tmp_path, monkeypatch) -> Path:
    """An empty data folder for studies."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("CDM_DATA", str(folder))
    return folder
