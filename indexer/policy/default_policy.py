"""Built-in default policy: what `policy init` writes."""

from collections.abc import Iterable
from typing import Final

_RULES: Final = """\
# What to do about an upload: allow, review or block. The strongest action of the rules that apply
# wins; where none applies, the default holds. docs/policies.md describes every key.
format = 1
name = "default"
default = "allow"

[[rules]]
id = "grave-copy"
description = "A copy of what is known and critical, which two people sign"
action = "block"
two_person = true
tier = ["exact", "near_duplicate"]
severity = "critical"

[[rules]]
id = "known-copy"
action = "block"
tier = ["exact", "near_duplicate"]
kind = "block"

[[rules]]
id = "known-lookalike"
action = "review"
tier = "lookalike"
kind = "block"
"""
_CLASS: Final = """
[[rules]]
id = "class-{id}"
action = "review"
class = "{label}"
min_probability = 0.9
unless = "allowed"
"""
_REVIEWED: Final = ("Hentai", "Porn")  # classes of the shipped model


def default_policy(labels: Iterable[str] | None = None) -> str:
    """Return the default policy, in TOML, with rules for the classes that it knows of a model.

    Parameters
    ----------
    labels : iterable of str, optional
        The model's classes; those of the shipped model by default.
    """
    known = set(_REVIEWED if labels is None else labels)
    classes = [label for label in _REVIEWED if label in known]
    return _RULES + "".join(_CLASS.format(id=label.lower(), label=label) for label in classes)
