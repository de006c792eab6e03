"""Credentials that are read from files, again every few minutes, so that they can be rotated."""

import configparser
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hilum.adapters.storage.remote.options import AzureAccess, S3Access
from hilum.domain.errors import ArchiveUnavailable

if TYPE_CHECKING:
    from obstore.store import AzureCredential, S3Credential

_READ_AGAIN: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class KeyAndSecretFile:
    """An access key whose secret lies in a file of its own."""

    access_key_id: str
    secret_file: Path

    def __call__(self) -> "S3Credential":
        return {
            "access_key_id": self.access_key_id,
            "secret_access_key": read_secret(self.secret_file, "secret_access_key_file"),
            "token": None,
            "expires_at": _soon(),
        }


@dataclass(frozen=True, slots=True)
class CredentialsFile:
    """A profile of a credentials file in the format of the AWS command line."""

    path: Path
    profile: str

    def __call__(self) -> "S3Credential":
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(_text(self.path, "credentials_file"))
            section = parser[self.profile]
            return {
                "access_key_id": section["aws_access_key_id"],
                "secret_access_key": section["aws_secret_access_key"],
                "token": section.get("aws_session_token"),
                "expires_at": _soon(),
            }
        except (configparser.Error, KeyError):
            message = (
                f"The credentials file {self.path} has no profile {self.profile!r} with"
                " aws_access_key_id and aws_secret_access_key."
            )
            raise ArchiveUnavailable(message) from None  # the error's text may hold a secret


@dataclass(frozen=True, slots=True)
class AzureFile:
    """An account key or a shared access signature in a file."""

    kind: str
    path: Path

    def __call__(self) -> "AzureCredential":
        secret = read_secret(self.path, f"{self.kind}_file")
        found: Any = (
            {"access_key": secret, "expires_at": _soon()}
            if self.kind == "account_key"
            else {"sas_token": secret.removeprefix("?"), "expires_at": _soon()}
        )
        return found  # type: ignore[no-any-return] # one of two typed dictionaries


def s3_provider(
    access: S3Access, environment: Mapping[str, str]
) -> "Callable[[], S3Credential] | None":
    """What was given, or files that are named; None leaves it to the environment."""
    if access.secret_access_key:
        credential: S3Credential = {
            "access_key_id": access.access_key_id,
            "secret_access_key": access.secret_access_key,
            "token": access.session_token or None,
            "expires_at": None,
        }
        return lambda: credential
    if access.secret_access_key_file is not None:
        return KeyAndSecretFile(access.access_key_id, access.secret_access_key_file)
    profile = access.profile or environment.get("AWS_PROFILE", "")
    path = access.credentials_file
    if path is None and "AWS_ACCESS_KEY_ID" not in environment:
        named = environment.get("AWS_SHARED_CREDENTIALS_FILE")
        if named or profile:
            path = Path(named) if named else Path.home() / ".aws" / "credentials"
    return None if path is None else CredentialsFile(path, profile or "default")


def azure_provider(access: AzureAccess) -> "Callable[[], AzureCredential] | None":
    """What was given, or the file that is named; None leaves it to the environment."""
    if access.account_key:
        return lambda: {"access_key": access.account_key, "expires_at": None}
    if access.sas:
        return lambda: {"sas_token": access.sas, "expires_at": None}
    if access.account_key_file is not None:
        return AzureFile("account_key", access.account_key_file)
    if access.sas_file is not None:
        return AzureFile("sas", access.sas_file)
    return None


def read_secret(path: Path, setting: str) -> str:
    """The only line of a file. Raises `ArchiveUnavailable`, naming the file and never its text."""
    secret = _text(path, setting).strip()
    if not secret or "\n" in secret:
        message = f"The file {path} ({setting}) should hold one secret and nothing else."
        raise ArchiveUnavailable(message)
    return secret


def _text(path: Path, setting: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        message = f"The file {path} ({setting}) cannot be read: {reason}."
        raise ArchiveUnavailable(message) from error
    except UnicodeDecodeError:
        message = f"The file {path} ({setting}) is no text."
        raise ArchiveUnavailable(message) from None


def _soon() -> datetime:
    return datetime.now(UTC) + _READ_AGAIN
