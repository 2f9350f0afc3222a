"""Record and replay: what a provider answers, kept in a file that can be read and compared.

- `_recorded`: `RecordedProvider`. `_take`: one answer, recorded or played.
- `_cassette`: the file. `_recording`: one request and its answer in it; `_request_lines`: the request as lines that can
  be compared. `_scrub`: what must not get into it.
"""

from actrio.providers.recording._recorded import RecordedProvider, RecordMode

__all__ = ["RecordMode", "RecordedProvider"]
