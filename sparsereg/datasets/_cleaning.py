"""Take out of a docstring what gives its package away without any understanding of the text."""

from __future__ import annotations

import re
from functools import lru_cache

REMOVABLE = ("examples", "names", "references", "types")

# How the packages call each other in prose and in code; "python" stands for the standard library.
_ALIASES = {
    "python": ("python", "stdlib", "cpython"),
    "numpy": ("numpy", "np"),
    "scipy": ("scipy", "sp"),
    "sklearn": ("sklearn", "scikit-learn", "scikit", "scikits"),
}
_HEADING = re.compile(r"^[ \t]*(?P<title>[A-Z][A-Za-z ]*)\n[ \t]*[-=~^]{3,}[ \t]*$", re.MULTILINE)
_DOCTEST = re.compile(r"^[ \t]*>>>.*(?:\n[ \t]*\S.*)*", re.MULTILINE)
_REFERENCE = re.compile(
    r"^[ \t]*\.\.[ \t]+(?:versionadded|versionchanged|deprecated)::.*$"  # directives, to the end of the line
    r"|^[ \t]*Read more in the :ref:.*(?:\n[ \t]*\S.*)*"
    r"|https?://\S+|\bdoi:\s*\S+"
    r"|\bv?\d+\.\d+(?:\.\w+)*"  # 1.2, v0.18.0rc1
    r"|\$\{\w+\}|%\(\w+\)s",  # filled in when the package is imported
    re.MULTILINE | re.IGNORECASE,
)
_TYPE = re.compile(r"^[ \t]*[*\w`, ]+ : .*$", re.MULTILINE)


def clean(docstring: str, remove: frozenset[str], packages: tuple[str, ...]) -> str:
    """Remove what `remove` names, in an order in which no step hides what the next one looks for."""
    text = docstring
    if "examples" in remove:
        text = _DOCTEST.sub(" ", _without_section(text, "Examples"))
    if "references" in remove:
        text = _REFERENCE.sub(" ", _without_section(text, "References"))
    if "types" in remove:
        text = _TYPE.sub(" ", _HEADING.sub(" ", text))
    if "names" in remove:
        text = _names(packages).sub(" ", text)
    return text.strip()


def _without_section(text: str, title: str) -> str:
    """Cut the numpydoc section of that title, up to the next heading or the end."""
    headings = list(_HEADING.finditer(text))
    for k in reversed(range(len(headings))):
        if headings[k]["title"].strip() == title:
            stop = headings[k + 1].start() if k + 1 < len(headings) else len(text)
            text = text[: headings[k].start()] + text[stop:]
    return text


@lru_cache(maxsize=8)
def _names(packages: tuple[str, ...]) -> re.Pattern[str]:
    """Match a package's name with all that is attached to it: scipy, scipy.stats.norm, numpy's."""
    names = [alias for package in packages for alias in _ALIASES.get(package, (package,))]
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, names))})(?:\.\w+)*\b", re.IGNORECASE)
