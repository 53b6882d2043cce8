"""Medical coding: reported terms coded with the study's own dictionaries, by the machine where it may, else by people who decide."""

from cdmlib.coding.assign import code
from cdmlib.coding.book import Imported, take_in, write
from cdmlib.coding.decisions import Choice, approve, subjects
from cdmlib.coding.desk import awaiting, decide, find, worklist
from cdmlib.coding.dictionary import declared, load, only
from cdmlib.coding.upversion import compare, summary

__all__ = [
    "Choice", "Imported", "approve", "awaiting", "code", "compare", "decide", "declared", "find", "load", "only", "subjects",
    "summary", "take_in", "worklist", "write",
]  # fmt: skip
