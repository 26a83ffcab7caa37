"""Every error this library raises on purpose.

An error says what was found, what was expected and what to do, and keeps those facts as attributes. Whether trying
again may help is a property of the class: ``Transient`` or ``Terminal``. ``exit_code_of`` is the one place that turns
an error into a process exit code.

    try:
        job.run(settings)
    except LlmConvertError as error:
        print(error)             # one line, with the remedy
        sys.exit(exit_code_of(error))
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

EXIT_OK = 0
EXIT_DATA = 65
"""The data is at fault (sysexits' EX_DATAERR): trying again changes nothing."""
EXIT_TRY_AGAIN = 75
"""Trying again may help (EX_TEMPFAIL)."""
EXIT_CONFIGURATION = 78
"""The configuration is at fault (EX_CONFIG): a person must change it."""


class LlmConvertError(Exception):
    """The root: catch it to catch everything this library raises on purpose.

    Args:
        found: what is wrong, with the offending value.
        remedy: what to do about it, in the imperative; it ends the message.
    """

    def __init__(self, found: str, *, remedy: str = "") -> None:
        self.found = found
        self.remedy = remedy
        super().__init__(f"{found.rstrip('.')}. {remedy}" if remedy else found)


class Transient:
    """Mixin: trying the same again may help."""


class Terminal:
    """Mixin: the same input gives the same error."""


class ConfigurationError(Terminal, LlmConvertError):
    """A setting, a tenant's configuration or a prompt is wrong; a person must change it."""


class DataError(Terminal, LlmConvertError):
    """A document, a reply or a row is at fault; the configuration and the platform are not."""


class UnavailableError(Transient, LlmConvertError):
    """A service, a disk or a network did not do what it usually does."""


class MissingExtraError(ConfigurationError):
    """An optional package is needed and not installed."""

    def __init__(self, package: str, extra: str) -> None:
        self.package = package
        self.extra = extra
        super().__init__(
            f"the package {package!r} is not installed",
            remedy=f"Install it with: pip install 'airflow-provider-llm-convert[{extra}]'",
        )


class StoreError(UnavailableError):
    """The object store could not be read or written."""


class ObjectNotFoundError(Terminal, LlmConvertError):
    """No object has this key."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"no object {key!r} in the store")


class PreconditionFailedError(Terminal, LlmConvertError):
    """A conditional create, replace or delete found another state than the caller saw: somebody else was first."""

    def __init__(self, key: str, expected: str) -> None:
        self.key = key
        self.expected = expected
        super().__init__(f"object {key!r} was changed by somebody else: expected {expected}")


class InterruptedByPlatformError(UnavailableError):
    """The platform asked this process to stop (SIGTERM) before its work was done."""


def exit_code_of(error: BaseException) -> int:
    """The exit code that tells a platform whether trying again may help.

    Anything that is not ours is taken as transient: an unknown fault must not mark a night's data as bad.
    """
    if isinstance(error, ConfigurationError):
        return EXIT_CONFIGURATION
    if isinstance(error, Terminal):
        return EXIT_DATA
    return EXIT_TRY_AGAIN


def unknown_name(kind: str, found: str, known: Iterable[str], *, where: str = "") -> ConfigurationError:
    """An error for a name that nobody knows, with the nearest known one and all known ones."""
    names = sorted(set(known))
    nearest = difflib.get_close_matches(found, names, n=1, cutoff=0.5)
    hint = f"Did you mean {nearest[0]!r}? " if nearest else ""
    listed = ", ".join(names) if names else "none"
    place = f" in {where}" if where else ""
    return ConfigurationError(f"unknown {kind} {found!r}{place}", remedy=f"{hint}Known: {listed}.")
