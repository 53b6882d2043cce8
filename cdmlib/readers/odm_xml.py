"""The elements of an XML file one after the other: no entities, no network, and no more in memory than is open."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from lxml import etree

from cdmlib.errors import CdmError

DEPTH = 100  # ODM needs about fifteen elements inside one another
ODM = "http://www.cdisc.org/ns/odm/v1."  # begins the namespace of ODM 1.2 and 1.3; 2.0 has another structure


def elements(path: Path, file: str, encoding: str = "") -> Iterator[tuple[str, str, etree._Element]]:
    """Each element as it starts and as it ends: "start" or "end", its name without namespace, and itself.

    encoding: what to read the file as, instead of what it says itself. Raises CdmError, with the line, when the file is
    cut or not well-formed, when elements are nested deeper than DEPTH, and when it has a document type declaration,
    which is where entities are declared.
    """
    depth = 0
    try:
        with path.open("rb") as handle:
            parsed = etree.iterparse(
                handle, events=("start", "end"), encoding=encoding or None, resolve_entities=False, load_dtd=False,
                no_network=True, huge_tree=False, recover=False, remove_comments=True, remove_pis=True, collect_ids=False,
            )  # fmt: skip
            for event, element in parsed:
                if event == "start":
                    depth += 1
                    _check(element, depth, file)
                yield event, local(element.tag), element
                if event == "end":
                    depth -= 1
                    element.clear()
                    while element.getprevious() is not None:
                        del element.getparent()[0]
    except etree.XMLSyntaxError as error:
        line, reason = error.lineno or 1, error.msg or "nothing can be read"
        for entry in parsed.error_log:  # the last of them stopped the parser
            line, reason = entry.line, entry.message
        raise CdmError(
            f"{file}: line {line}: {reason}. It is not well-formed XML: it may be cut, or be written in another "
            "encoding than it says. Get it again."
        ) from None
    except LookupError:
        raise CdmError(
            f"{file}: XML can't be read as {encoding!r}. Declare utf-8 to read it as it says itself."
        ) from None


def _check(element: etree._Element, depth: int, file: str) -> None:
    if depth == 1 and element.getroottree().docinfo.doctype:
        raise CdmError(
            f"{file}: has a document type declaration (<!DOCTYPE), where entities can be declared that fill the memory "
            "or fetch other files. Ask for the export without it: ODM 1.3 needs none."
        )
    if depth > DEPTH:
        raise CdmError(
            f"{file}: line {element.sourceline}: elements are nested more than {DEPTH} deep, which is not ODM."
        )


def is_odm(root: etree._Element) -> bool:
    """Whether a root element is that of ODM 1."""
    name = etree.QName(root)
    ours = name.namespace is None or name.namespace.startswith(ODM)
    return name.localname == "ODM" and ours and not root.get("ODMVersion", "1").startswith("2")


@cache
def local(name: str) -> str:
    """A name without its namespace."""
    return name.rsplit("}", 1)[-1]


def attributes(element: etree._Element) -> dict[str, str]:
    """The attributes of an element by their names without namespace; a second one of that name keeps its namespace."""
    found: dict[str, str] = {}
    for name, value in element.attrib.items():
        short = local(name)
        found[name if short in found else short] = value
    return found
