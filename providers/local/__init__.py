"""A model on this machine.

- `_local`: `LocalProvider`. `_keeper` has its server started again when that has died, `_llama_server` owns the
  process, `_llama_program` runs in it.
- `_constrained`: tools for a model that was taught none: it is held to JSON of its choice. `_chosen` reads that out of
  the answer as it comes, with the scanners of `_json_members`.
"""

from actrio.providers.local._local import LocalProvider

__all__ = ["LocalProvider"]
