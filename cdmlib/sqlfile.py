"""A SELECT with its plain header: checks, listings, measures and table files share this one format."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from cdmlib.errors import CdmError, listed

HEADER = re.compile(r"\s*/\*(.*?)\*/", re.DOTALL)
PLACEHOLDER = re.compile(r"\{(\w+)\}")
VALUES = {
    "severity": ("critical", "major", "minor"),
    "action": ("query", "review", "internal"),
    "owner": ("site", "DM", "CRA", "coder", "safety", "medical", "investigator", "sponsor", "programmer"),
    "clean": ("yes", "no"),
}
KEYS = {  # kind: (keys that must be there, keys that may be there)
    "check": (("title", "severity", "action", "message"), ("field", "params", "optional", "items")),
    "listing": (("title",), ("params", "optional")),
    "table": (("title",), ("from", "optional")),
    "measure": (("title",), ("params", "optional")),
    "criterion": (("title", "owner", "lines"), ("clean", "params", "optional", "listing")),
    "suggestions": (("title",), ("params",)),
}


@dataclass(frozen=True)
class SqlFile:
    """One content file: its header, the note below the header, and the SELECT as written."""

    path: Path
    kind: str
    header: dict[str, str]
    note: str
    sql: str
    params: dict[str, float | str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.path.stem.split("_")[0]

    @property
    def domain(self) -> str:
        return self.path.parent.name

    @property
    def title(self) -> str:
        return self.header["title"]

    @property
    def message(self) -> str:
        return self.header.get("message", "")

    @property
    def optional(self) -> tuple[str, ...]:
        """Tables (`ex`) and columns (`ae.aeyn`) that are used when collected and are NULL when not."""
        return tuple(part.strip() for part in self.header.get("optional", "").split(",") if part.strip())

    @property
    def fields(self) -> tuple[str, ...]:
        """Columns that a query on a finding goes to, the first, or may already be on; as the header names them."""
        return tuple(part.strip() for part in self.header.get("field", "").split(",") if part.strip())

    @property
    def placeholders(self) -> tuple[str, ...]:
        """Columns named in the message, in order, each once."""
        return tuple(dict.fromkeys(PLACEHOLDER.findall(self.message)))


def read(path: Path, kind: str) -> SqlFile:
    """The content file at `path`, checked.

    kind: check, listing, table or measure. Raises CdmError naming the file and every mistake in its header.
    """
    text = path.read_text(encoding="utf-8")
    found = HEADER.match(text)
    if not found:
        raise CdmError(f"{path}: must begin with a header between /* and */ that has at least a `title:` line.")
    head, _, note = found[1].strip("\n").partition("\n\n")
    required, allowed = KEYS[kind]
    problems, header, last = [], {}, ""
    for line in head.splitlines():
        key, colon, value = line.partition(": ")
        if line.startswith((" ", "\t")) and last:  # a long value goes on, indented
            header[last] += " " + line.strip()
            continue
        key = key.strip().removesuffix(":")
        if not colon and not line.rstrip().endswith(":"):
            problems.append(f"the line {line.strip()!r} must have the form `key: value`")
        elif key not in required + allowed:
            problems.append(f"{key!r} is not a header key of a {kind}; it has {', '.join(required + allowed)}")
        elif key in header:
            problems.append(f"{key!r} is given twice")
        else:
            header[key], last = value.strip(), key
    problems += [f"`{key}:` is missing" for key in required if not header.get(key)]
    for key, values in VALUES.items():
        if header.get(key) and header[key] not in values:
            problems.append(f"{key} must be one of {', '.join(values)}; it is {header[key]!r}")
    params, mistakes = _params(header.get("params", ""))
    problems += mistakes
    sql = text[found.end() :].strip().rstrip(";")
    if not sql:
        problems.append("a SELECT must follow the header")
    used = set(re.findall(r"\$(\w+)", sql)) - {"as_of"}
    problems += [f"${name} is used but not declared in `params:`" for name in sorted(used - set(params))]
    problems += [f"the parameter {name!r} is declared but not used" for name in sorted(set(params) - used)]
    if problems:
        raise CdmError(listed(problems, f"{path}:"))
    return SqlFile(path, kind, header, note.strip(), sql, params)


def read_folder(folder: Path, kind: str) -> list[SqlFile]:
    """Every content file below `folder`, by id; two files with one id are refused."""
    files = [read(path, kind) for path in sorted(folder.rglob("*.sql"))]
    if kind == "table":
        return files
    seen: dict[str, Path] = {}
    for file in files:
        if file.id in seen:
            raise CdmError(
                f"{file.path}: the id {file.id} is already used by {seen[file.id]}. Ids must be unique and are never reused."
            )
        seen[file.id] = file.path
    return sorted(files, key=lambda file: file.id)


def _params(text: str) -> tuple[dict[str, float | str], list[str]]:
    params, problems = {}, []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not name.isidentifier() or not value:
            problems.append(f"params must read `name = value, name = value`; given {part!r}")
        elif name == "as_of":
            problems.append("$as_of is always there (the cut-off date of the run) and can't be declared")
        else:
            params[name] = parameter(value)
    return params, problems


def parameter(value: str) -> float | str:
    """A parameter as a number when it is one, else as text."""
    try:
        return float(value) if "." in value or "e" in value.lower() else int(value)
    except ValueError:
        return value.strip("'\"")
