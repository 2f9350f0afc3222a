"""Wire formats: requests to bytes, streamed bytes to events. Pure: nothing here reads, waits or looks at a clock.

What is where:

- `_wire`: `Wire`, what a provider has to know of a format. `_decoder`: what all decoders of streamed answers share.
- `_open_call`, `_usage`, `_halves`: what several of them have in common: a call that is coming, counts of tokens, and
  halves of characters.
- `_sse`, `_ndjson`: streams of bytes cut into the payloads they carry.
- `_chat_completions`: OpenAI's older format, which most servers speak. `_responses`: its newer one.
- `_anthropic_messages`, `_anthropic_answer`: Anthropic's. `_ollama_chat`: Ollama's own. `_arguments`, `_image_data`:
  what these two have in common.
- `_refusal`, `_quota`: what a server says when it says no, and what it says of its limits.
"""

from actrio.providers.wire._anthropic_messages import ANTHROPIC_MESSAGES
from actrio.providers.wire._chat_completions import CHAT_COMPLETIONS
from actrio.providers.wire._decoder import AnswerDecoder
from actrio.providers.wire._ollama_chat import OLLAMA_CHAT
from actrio.providers.wire._quota import Quota, read_quota, read_retry_after
from actrio.providers.wire._refusal import decode_refusal, refusal
from actrio.providers.wire._responses import RESPONSES
from actrio.providers.wire._wire import Wire

__all__ = [
    "ANTHROPIC_MESSAGES",
    "CHAT_COMPLETIONS",
    "OLLAMA_CHAT",
    "RESPONSES",
    "AnswerDecoder",
    "Quota",
    "Wire",
    "decode_refusal",
    "read_quota",
    "read_retry_after",
    "refusal",
]
