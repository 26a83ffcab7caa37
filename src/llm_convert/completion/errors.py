"""Why a provider gave no reply, as a caller needs to know it to pace, to wait or to fall back.

No message holds a document's text: a vendor's words may quote the request, so only known facts are taken from them.
"""

from __future__ import annotations

from enum import StrEnum

from llm_convert.contracts.calls import Attempt
from llm_convert.contracts.work import Cause, WorkItemError
from llm_convert.errors import ConfigurationError, DataError, UnavailableError

MAX_RETRY_AFTER_SECONDS = 60.0
"""The longest wait that a service's answer can ask for: one header must not hang a worker for hours."""


class Unavailability(StrEnum):
    """What kept a provider from answering."""

    RATE_LIMITED = "rate_limited"
    """Slow down: the rate is above the quota or above what is free just now."""
    QUOTA_ZERO = "quota_zero"
    """The quota was exceeded before anything was ever answered: perhaps there is none. Slowing down may not help."""
    DAILY_LIMIT = "daily_limit"
    """The day's allowance is used up: waiting some seconds does not help."""
    OVERLOADED = "overloaded"
    """The model is busy for everybody."""
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    SERVER = "server"
    """The service failed, or answered what can't be understood."""


class ProviderUnavailableError(UnavailableError):
    """A provider gave no reply; trying again may help.

    Attributes:
        kind: what kept it.
        retry_after_seconds: how long it asked to wait, at most MAX_RETRY_AFTER_SECONDS; None when it did not say.
        may_be_billed: the call may have been answered and paid for; nobody can know from here.
        request_id: as the service names the call; empty when it never answered.
    """

    kind: Unavailability = Unavailability.SERVER
    may_be_billed: bool = False

    def __init__(
        self,
        found: str,
        *,
        remedy: str = "",
        retry_after_seconds: float | None = None,
        may_be_billed: bool | None = None,
        request_id: str = "",
    ) -> None:
        self.retry_after_seconds = None if retry_after_seconds is None else _capped(retry_after_seconds)
        self.may_be_billed = type(self).may_be_billed if may_be_billed is None else may_be_billed
        self.request_id = request_id
        super().__init__(found, remedy=remedy)


def _capped(seconds: float) -> float:
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


class RateLimitedError(ProviderUnavailableError):
    """Too many requests or tokens for now."""

    kind = Unavailability.RATE_LIMITED


class QuotaZeroError(ProviderUnavailableError):
    """The first calls met an exhausted quota: it may be zero."""

    kind = Unavailability.QUOTA_ZERO


class DailyLimitError(ProviderUnavailableError):
    """The allowance of the day, or of the month, is used up."""

    kind = Unavailability.DAILY_LIMIT


class OverloadedError(ProviderUnavailableError):
    """The model is overloaded."""

    kind = Unavailability.OVERLOADED


class CallTimeoutError(ProviderUnavailableError):
    """No answer came in time."""

    kind = Unavailability.TIMEOUT
    may_be_billed = True


class ConnectionLostError(ProviderUnavailableError):
    """The service could not be reached, or the connection broke."""

    kind = Unavailability.CONNECTION
    may_be_billed = True


class ServerFaultError(ProviderUnavailableError):
    """The service failed."""

    kind = Unavailability.SERVER


class BudgetExceededError(ConfigurationError):
    """A call was not made because at its worst it would go beyond a budget."""


class UnsupportedByProviderError(DataError):
    """The provider can't take such a request, such as one with a picture; another of the chain may."""


class NotRecordedError(WorkItemError):
    """No reply to this request is on file. It ends the work item: nobody else is asked in the file's place.

    Attributes:
        path: where the recording was looked for.
    """

    def __init__(self, detail: str, *, path: str) -> None:
        self.path = path
        super().__init__(Cause.NOT_RECORDED, detail)


class NoProviderAnsweredError(UnavailableError):
    """Every provider of the chain was tried as long as the settings allow.

    Attributes:
        attempts: each try, in order.
    """

    def __init__(self, found: str, *, remedy: str, attempts: tuple[Attempt, ...]) -> None:
        self.attempts = attempts
        super().__init__(found, remedy=remedy)
