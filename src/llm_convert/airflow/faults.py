"""The one place that turns an error of ours into what Airflow does about it: try the task again, or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from llm_convert.errors import LlmConvertError, Terminal

try:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException
except ImportError:  # Airflow 3.1 has them elsewhere.
    from airflow.exceptions import (  # type: ignore[no-redef, attr-defined, unused-ignore]
        AirflowException,
        AirflowFailException,
    )

__all__ = ["AirflowException", "AirflowFailException", "told_to_airflow"]


@contextmanager
def told_to_airflow() -> Iterator[None]:
    """Raise AirflowFailException for what fails again with the same input, AirflowException where a retry may help.

    Errors that are not ours pass as they are; Airflow retries those too.
    """
    try:
        yield
    except LlmConvertError as error:
        kind = AirflowFailException if isinstance(error, Terminal) else AirflowException
        raise kind(str(error)) from error
