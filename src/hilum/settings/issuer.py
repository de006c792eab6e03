"""Settings of the token issuer for development."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from hilum.settings.types import LIST_TEXT, Count, Section


class IssuerSettings(Section):
    """An issuer of bearer tokens of its own, for development and tests.

    Whoever writes a client of the Azure DICOM service needs no directory in a cloud for it. See
    docs/operations/tokens.md.
    """

    enabled: bool = False
    """Serve `POST /connect/token` and the documents by which libraries check tokens, and take the
    tokens made here. Possible on loopback only, unless `security.insecure`."""
    accounts_file: Path | None = None
    """JSON file of the clients and users that may ask for tokens: `clientApplications` and `users`,
    each a list of `id`, `secret` (or `password`) and `roles`. None: nobody may, and tokens are made
    by `hilum token`."""
    keys_file: Path | None = None
    """Where the signing keys are kept. None: `issuer/keys.json` in `data_dir`. Made at the first
    start, readable by the owner only; processes on several machines need a common one."""
    audience: Annotated[tuple[str, ...], LIST_TEXT, Field(min_length=1)] = (
        "https://dicom.healthcareapis.azure.com",
    )
    """The `aud` of the tokens, and the resources that may be asked for (`scope=AUDIENCE/.default`).
    The first one is taken when nothing is asked for."""
    token_seconds: Count = 3600
    """How long a token is good that was had from `/connect/token`."""
    attempts_per_minute: Count = 20
    """Failed attempts at one account from one address, beyond which it is answered 429 for as long
    as the minute lasts."""
