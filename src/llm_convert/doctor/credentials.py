"""Whether this process has Google credentials, and whose they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llm_convert.doctor.finding import Finding, Patient, ok, skipped, wrong

_LOGIN = "gcloud auth application-default login"
_UNKNOWN_MEMBER = "serviceAccount:ACCOUNT"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def check_credentials(patient: Patient) -> Iterator[Finding]:
    """Application default credentials, found and good for a token."""
    services = patient.google_services
    if not services:
        yield skipped("credentials", "nothing that the settings name asks for Google credentials")
        return
    try:
        import google.auth
        from google.auth import exceptions
        from google.auth.transport.requests import Request
    except ModuleNotFoundError:
        yield skipped("credentials", "google-auth is not installed")
        return
    needed_by = ", ".join(services)
    try:
        credentials, project = google.auth.default(scopes=[_SCOPE])
        credentials.refresh(Request())  # type: ignore[no-untyped-call]
    except exceptions.DefaultCredentialsError as error:
        found = f"none were found, and {needed_by} need them: {str(error).splitlines()[0]}"
        yield wrong("credentials", found, _LOGIN)
    except exceptions.TransportError as error:
        yield wrong("credentials", f"no token could be fetched: {error}", "curl -sS https://oauth2.googleapis.com")
    except exceptions.GoogleAuthError as error:
        yield wrong("credentials", f"they can't be renewed: {error}", _LOGIN)
    else:
        yield ok("credentials", f"{account_of(credentials)}, project {project or 'not said'}, for {needed_by}")


def account_of(credentials: Any) -> str:
    """Whose credentials these are, as far as they say so themselves."""
    email = getattr(credentials, "service_account_email", "") or getattr(credentials, "signer_email", "")
    return str(email) if email and email != "default" else f"{type(credentials).__module__.rpartition('.')[2]} account"


def member_of(patient: Patient) -> str:
    """The process's account as a policy names it; ``serviceAccount:ACCOUNT`` where it can't be told."""
    if not patient.google_services:
        return _UNKNOWN_MEMBER
    import google.auth
    from google.auth import exceptions
    from google.auth.transport.requests import Request

    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
        if getattr(credentials, "service_account_email", "") == "default":
            # On Google's own machines the account is known only after the first token.
            credentials.refresh(Request())  # type: ignore[no-untyped-call]
    except exceptions.GoogleAuthError:
        return _UNKNOWN_MEMBER
    email = getattr(credentials, "service_account_email", "")
    return f"serviceAccount:{email}" if email else "user:YOUR_ACCOUNT"
