"""Connection strings of Azure storage accounts: `Name=Value;...`."""

from collections.abc import Mapping
from typing import Final

from hilum.domain.errors import MalformedBody

_EMULATOR: Final = "http://127.0.0.1:10000/devstoreaccount1"
_EMULATOR_KEY: Final = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
"""The account and key that every emulator of Azure's has; published by Microsoft."""


def parse_connection_string(text: str) -> tuple[str, Mapping[str, str]]:
    """The address of the account's blobs, and its secrets. Raises `MalformedBody`."""
    told = dict(_parts(text))
    if told.get("usedevelopmentstorage", "").lower() == "true":
        return _EMULATOR, {"account_key": _EMULATOR_KEY}
    secrets = {
        name: told[key]
        for name, key in (("account_key", "accountkey"), ("sas", "sharedaccesssignature"))
        if told.get(key)
    }
    endpoint = told.get("blobendpoint", "").rstrip("/")
    if not endpoint and told.get("accountname"):
        protocol = told.get("defaultendpointsprotocol", "https")
        suffix = told.get("endpointsuffix", "core.windows.net")
        endpoint = f"{protocol}://{told['accountname']}.blob.{suffix}"
    if len(secrets) != 1 or not endpoint:
        message = (
            "The connection string should have AccountName or BlobEndpoint, and AccountKey or "
            "SharedAccessSignature."
        )
        raise MalformedBody(message)
    return endpoint, {name: value.removeprefix("?") for name, value in secrets.items()}


def _parts(text: str) -> list[tuple[str, str]]:
    pairs = [part.partition("=") for part in text.split(";") if part.strip()]
    return [(name.strip().lower(), value.strip()) for name, _, value in pairs]
