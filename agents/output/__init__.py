"""Structured output: an answer of a type, and its fields while they grow.

- `_output`: a type, its schema, and reading a value of it out of what a model wrote.
- `_scanner`: JSON as it grows: pieces of text in, what they add to which field out; `_update`: that.
"""

from actrio.agents.output._output import OutputInvalid, OutputType
from actrio.agents.output._scanner import BrokenJson, JsonScanner
from actrio.agents.output._update import FieldUpdate

__all__ = ["BrokenJson", "FieldUpdate", "JsonScanner", "OutputInvalid", "OutputType"]
