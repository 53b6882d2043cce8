"""Clinical data management workbench: from a trial's raw extracts to a cleaned, traceable database."""

from importlib.metadata import version

__version__ = version("cdmlib")
