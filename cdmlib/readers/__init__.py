"""One reader per extract layout; all give datasets of text."""

from cdmlib.readers.layouts import LAYOUTS, Layout, matches, read
from cdmlib.readers.recognise import Recognised, recognise

__all__ = ["LAYOUTS", "Layout", "Recognised", "matches", "read", "recognise"]
