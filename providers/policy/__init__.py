"""How a provider is treated: what is tried again, how much is asked at once, how long it may take, who stands in.

    OpenAIProvider("gpt-5-mini", retry=Retry(attempts=5), limits=Limits(requests_per_minute=500))
    GovernedProvider(ScriptedProvider("Hello."), timeouts=Timeouts(total_s=30))

What is where, the pure parts first:

- `_backoff`, `_retry`: how often and when something is tried again; what of a provider's failures is worth it.
- `_limits`, `_estimate`: what is left of a rate, and what a request will take of it. `_timeouts`: numbers.
- `_limiter`: waits for limits. `_time_out`: a bound on a block.
- `_tries`: a request sent until its answer begins. `_relay`: the answer handed on. `_restarting`: answers that start
  over. `_governed`: all of it around one connection.
- `_breaker`: when a provider is left alone. `_standby`: providers opened when needed. `_fallback`: providers that stand
  in for each other.
"""

from actrio.providers.policy._backoff import Backoff
from actrio.providers.policy._breaker import Breaker, CircuitState
from actrio.providers.policy._fallback import FallbackConnection, FallbackProvider, MemberStatistics, another_may_do
from actrio.providers.policy._governed import GovernedConnection, GovernedProvider, GovernedStatistics, govern
from actrio.providers.policy._limiter import LimiterStatistics
from actrio.providers.policy._limits import Limits
from actrio.providers.policy._retry import Retry, worth_retrying
from actrio.providers.policy._timeouts import Timeouts

__all__ = [
    "Backoff",
    "Breaker",
    "CircuitState",
    "FallbackConnection",
    "FallbackProvider",
    "GovernedConnection",
    "GovernedProvider",
    "GovernedStatistics",
    "LimiterStatistics",
    "Limits",
    "MemberStatistics",
    "Retry",
    "Timeouts",
    "another_may_do",
    "govern",
    "worth_retrying",
]
