"""The promises made to contributors: layers, locks, notebooks, documentation."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import nbformat
import pytest

from cdmlib import docs
from cdmlib.cli import main

ROOT = Path(__file__).parents[1]
LAYERS = [
    "errors", "sqlfile", "standard", "cases", "readers", "study", "standing", "journal", "people", "keys", "fingerprints", "snapshot", "digests", "mart", "changes", "pivot", "specification", "tables",
    "checks", "catalogue", "reconcile", "findings", "edc", "queries", "measures", "readiness", "forecast", "lock", "workbook", "coding", "export", "cleaning", "review",
    "evidence", "wheel", "bag", "archive", "restore", "judge", "verify", "trace", "board", "figures", "notebooks", "scaffold", "demo", "validation", "cli", "docs",
]  # fmt: skip
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def modules() -> list[Path]:
    return sorted((ROOT / "cdmlib").rglob("*.py"))


def layer(path: Path) -> str:
    return path.relative_to(ROOT / "cdmlib").parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "cdmlib":
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cdmlib."):
            names.add(node.module.split(".")[1])
    return names - {"__version__"}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_each_module_imports_only_modules_before_it(path):
    if path.name == "__init__.py" and path.parent.name == "cdmlib":
        return
    here = LAYERS.index(layer(path))
    late = [name for name in imported(path) if LAYERS.index(name) > here]
    assert not late, f"{path.name} imports {late}"


def locked() -> dict[str, str]:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return {m[1].lower().replace("_", "-"): m[2] for m in re.finditer(r"^([\w.-]+)==([^\s;\\]+)", text, re.MULTILINE)}


@pytest.mark.requirement("R32")
def test_every_dependency_of_pyproject_is_in_the_lock_with_hashes_and_no_address():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    names = {re.match(r"[\w.-]+", line)[0].lower() for line in wanted}
    assert names <= set(locked())
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    blocks = re.split(r"^(?=\S)", text, flags=re.MULTILINE)
    assert all("--hash=sha256:" in block for block in blocks if "==" in block)


def test_conda_and_pip_install_the_same_lock_for_the_same_pythons():
    environment = (ROOT / "environment.yml").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "-r requirements.lock" in environment and "--require-hashes" in environment
    assert re.search(r"- python(\S+)", environment)[1] == project["requires-python"]
    assert set(re.findall(r"^  - (\w+)", environment, re.MULTILINE)) == {"conda", "python", "pip"}
    assert "--require-hashes -r requirements.lock" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_installed_versions_are_those_of_the_lock():
    from importlib.metadata import version

    lock = locked()
    for name in ("duckdb", "pandas", "papermill", "pyarrow", "xlsxwriter", "pyreadstat", "pydantic"):
        assert version(name) == lock[name]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_no_outputs_few_cells_and_no_program_in_it(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert len(cells) <= 8
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)
    assert "parameters" in cells[0].metadata.tags
    for cell in cells:
        nodes = list(ast.walk(ast.parse(cell.source)))
        assert not [
            n
            for n in nodes
            if isinstance(n, (ast.FunctionDef, ast.For, ast.While, ast.If, ast.Lambda, ast.ListComp, ast.ClassDef))
        ]
        assert not re.search(r"\bselect\b.+\bfrom\b", cell.source, re.IGNORECASE)


@pytest.mark.parametrize("name", sorted(docs.PAGES))
def test_the_generated_pages_are_current(name):
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == docs.PAGES[name](), "run `make docs`"


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_is_documented(command):
    assert f"## cdm {command}\n" in (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert main.commands[command].help


def test_no_registry_address_and_no_path_of_a_machine_is_committed():
    for path in [
        *modules(),
        *(ROOT / "tests").rglob("*.py"),
        *(ROOT / "bench").rglob("*.py"),
        *ROOT.glob("*.md"),
        ROOT / "Makefile",
        ROOT / "pyproject.toml",
    ]:
        if path == Path(__file__):
            continue
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"https?://\S+/simple|/home/\w+/|/root/", text), path
