"""The one family of errors meant for the reader: what is wrong, where, and what to do. The command line prints the text alone."""


class CdmError(Exception):
    """Something the reader can put right; its text says what, where and what to do."""


class Held(CdmError):
    """An extract was not taken in because a guard held it; it waits for a confirmation with a reason."""


def listed(problems: list[str], heading: str) -> str:
    """Several problems as one message, each on a line of its own."""
    return "\n".join([heading, *(f"  - {problem}" for problem in problems)])
