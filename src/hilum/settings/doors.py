"""Settings of the doors: HTTP, its browsers, DIMSE, and files from folders."""

import re
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from hilum.settings.types import (
    AETitle,
    AETitles,
    ByteCount,
    ByteCountOrZero,
    Count,
    CountOrZero,
    Port,
    Seconds,
    Section,
    Texts,
)

# What browsers send in `Origin`: in lower case, without path, slash, or the usual port.
_ORIGIN: Final = re.compile(
    r"\*|null|(?!https://.*:443$|http://.*:80$)[a-z][a-z0-9+.\-]*://[^/?#@\sA-Z]+"
)


class HttpSettings(Section):
    """The HTTP server: DICOMweb, the landing page, health and metrics."""

    host: str = "127.0.0.1"
    """Address to listen on. Loopback, so that a first start exposes nothing; any other address
    needs `security.authentication = "required"`."""
    port: Port = 8080
    """TCP port; 0 takes any free one, which is told when the server is ready."""
    public_url: str = ""
    """Scheme, host and path prefix that clients use to reach this server, such as
    `https://pacs.example.org/hilum`. Made into RetrieveURLs. Empty: taken from each request."""
    allowed_hosts: Texts = ()
    """Names clients may call this server by in `Host`, beside localhost, loopback addresses, `host`
    and that of `public_url`. Looked at while loopback is open (`security.authentication = "none"`),
    so that a web page cannot reach it by a name of its own (DNS rebinding)."""
    trusted_proxies: Texts = ()
    """Addresses or networks of reverse proxies whose `X-Forwarded-*` headers are believed.
    None by default, since anybody can send these headers."""
    backlog: Count = 1024
    """Connections the kernel holds until they are accepted."""
    connections: Count = 1024
    """Requests and connections served at once; more are answered 503, so that a flood cannot take
    the memory. `/health` and `/ready` are answered in any case. Fewer where the limit of open files
    (`ulimit -Hn`) leaves no room for so many."""
    connections_per_address: Count = 256
    """Connections from one address, so that one client cannot shut out the others; more are
    answered 503. Loopback and `trusted_proxies`, which speak for many, are not counted."""
    keep_alive_seconds: Seconds = 30.0
    """An idle connection is closed after this time. Longer than a viewer pauses between images."""
    header_seconds: Seconds = 15.0
    """The headers of a request must be complete this long after its first byte (slow loris)."""
    header_bytes: ByteCount = 65_536
    """Request line and headers together; more is refused with 431."""
    command_bytes: ByteCount = 65_536
    """Body of a command below `/api/v1`; more is refused with 413."""
    body_idle_seconds: Seconds = 60.0
    """A request whose body stops for this long is given up with 408."""
    body_bytes_per_second: CountOrZero = 500
    """A body that we have waited for longer than `body_idle_seconds` in all, and that arrived more
    slowly than this, is given up with 408: it would hold its connection for ever. 0 is no bound."""
    send_idle_seconds: Seconds = 120.0
    """A client that takes no byte of an answer for this long is disconnected."""
    shutdown_seconds: Seconds = 30.0
    """How long a shutdown waits for requests that were accepted before it ends them."""
    tls_certificate_file: Path | None = None
    """PEM file with the server's certificate chain; with it HTTPS is spoken instead of HTTP."""
    tls_key_file: Path | None = None
    """PEM file with the private key, when it is not in the certificate file."""
    tls_key_password: SecretStr | None = None
    """Password of the private key."""

    @field_validator("public_url")
    @classmethod
    def _is_a_base_url(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            message = "should start with http:// or https://"
            raise ValueError(message)
        return value.rstrip("/")

    @model_validator(mode="after")
    def _key_has_a_certificate(self) -> "HttpSettings":
        if self.tls_key_file is not None and self.tls_certificate_file is None:
            message = "tls_key_file needs tls_certificate_file"
            raise ValueError(message)
        return self


class CorsSettings(Section):
    """Which web pages of other origins may call this server from a browser."""

    allowed_origins: Texts = ()
    """Origins such as `https://viewer.example.org`, or `*`. None: no CORS header is ever sent."""
    allow_credentials: bool = False
    """Let pages send cookies and HTTP authentication; not possible together with `*`."""
    embedding: bool = True
    """While origins are allowed, let pages show images, videos and documents of ours without being
    able to read them (`Cross-Origin-Resource-Policy`): a viewer on another host needs it for its
    `<img>`, `<video>` and frames. A browser does not tell from which page these ask, so it holds
    for all pages."""
    max_age_seconds: CountOrZero = 600
    """How long a browser may remember the answer to a preflight."""

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            if _ORIGIN.fullmatch(text) is None:
                message = (
                    f"{text!r} is no origin as browsers send it: scheme, host and, if it is not the"
                    " usual one, port, in lower case, without a slash at the end, such as"
                    " `https://viewer.example.org`; or `*`"
                )
                raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _credentials_name_origins(self) -> "CorsSettings":
        if self.allow_credentials and "*" in self.allowed_origins:
            message = "allow_credentials needs origins by name, not `*`"
            raise ValueError(message)
        return self


class StowSettings(Section):
    """Storing over HTTP (STOW-RS)."""

    parts: Count = 10_000
    """Parts of one request; a sender splits larger studies."""
    part_header_bytes: ByteCount = 16_384
    """Headers of one part."""
    part_bytes: ByteCount = 4 << 30
    """One part, that is one instance."""
    request_bytes: ByteCount = 16 << 30
    """One request. It is streamed: this bounds disk, not memory."""
    memory_part_bytes: ByteCount = 1 << 20
    """Parts up to this size stay in memory until they are kept; larger ones go to the spool."""
    memory_bytes: ByteCount = 256 << 20
    """Memory for the parts of all requests together, from their first byte until they are kept.
    When it is used up, parts go to the spool however small they are."""
    concurrent_instances: Count = 24
    """Instances of one request that are kept at the same time while its body is still read. With
    fewer, small instances wait for each other's flushes; more only wait for the same disk."""
    strict_expiry: bool = False
    """On `/v1` and `/v2`, `msdicom-expiry-time-milliseconds` counts only beside
    `msdicom-expiry-option` and `msdicom-expiry-level`; without it these two may be left out."""


class DimseSettings(Section):
    """Our Application Entity: C-ECHO and C-STORE."""

    host: str = "127.0.0.1"
    """Address to listen on; any but loopback needs `allowed_calling_ae_titles`."""
    port: Port = 11_112
    """TCP port (the one registered for DICOM); 0 turns DIMSE off."""
    ae_title: AETitle = "HILUM"
    """Our AE title."""
    require_called_ae_title: bool = False
    """Refuse associations that call us by another AE title than `ae_title`."""
    allowed_calling_ae_titles: AETitles = ()
    """AE titles that may associate. None: any, which is only possible on loopback."""
    accept_unknown_sop_classes: bool = True
    """Take instances of SOP classes that are private or newer than we are: the archive keeps bytes
    and need not know them."""
    on_conflict: Literal["refuse", "new-version"] = "refuse"
    """What to do when other bytes arrive under UIDs that are held. Refusing loses nothing without
    somebody being told."""
    validation_profile: Literal["standard", "strict", "minimal", "azure-v1", "azure-v2"] = (
        "standard"
    )
    """Rules that arriving instances must pass. Modalities cannot mend a header, so `standard`
    demands the UIDs and only warns about the rest."""
    maximum_pdu_bytes: Annotated[ByteCount, Field(ge=4096, le=1 << 20)] = 131_072
    """Largest P-DATA-TF PDU we offer to take (PS3.8 D.1). 128 KiB measured faster than the usual
    16 KiB, larger gains nothing."""
    pdu_bytes_before_association: Annotated[ByteCount, Field(ge=4096)] = 1 << 20
    """Largest PDU before an association is accepted; what claims more is aborted unread."""
    dataset_bytes: ByteCount = 16 << 30
    """One data set. It is streamed to disk when it is large."""
    dataset_fragments: Count = 8_000_000
    """Fragments (PDVs) of one data set: 16 GiB in PDUs of 2 KiB, the smallest any sender uses."""
    memory_dataset_bytes: ByteCount = 1 << 20
    """Data sets up to this size stay in memory until they are kept; larger ones go to the spool."""
    associations: Count = 64
    """Associations at once, from all peers."""
    associations_per_peer: Count = 8
    """Associations at once from one address, so that one sender cannot shut out the others."""
    artim_seconds: Seconds = 30.0
    """Wait for the association request, and for the close of the connection (PS3.8 9.1.5)."""
    network_seconds: Seconds = 60.0
    """An association on which nothing arrives for this long is aborted."""
    store_seconds: Seconds = 60.0
    """Longest wait for the archive to keep one instance before the sender hears 0xA700."""
    shutdown_seconds: Seconds = 30.0
    """How long a shutdown waits for C-STOREs that have begun before associations are aborted."""
    backlog: Count = 128
    """Connections the kernel holds until they are accepted."""


class ImportSettings(Section):
    """`hilum import`: files, folders and ZIP archives."""

    concurrent_instances: Count = 8
    """Files read and kept at the same time."""
    file_bytes: ByteCount = 16 << 30
    """One file; a larger one is refused."""
    memory_file_bytes: ByteCount = 1 << 20
    """Files up to this size are read into memory; larger ones are copied to the spool."""
    zip_ratio: Count = 100
    """Unpacked bytes for each byte of a ZIP file (decompression bombs), beyond `zip_free_bytes`."""
    zip_free_bytes: ByteCountOrZero = 64 << 20
    """What any ZIP file may unpack to whatever its ratio: empty images compress 1,000 to 1."""
    zip_member_bytes: ByteCount = 8 << 30
    """Unpacked size of one member."""
    zip_members: Count = 1_000_000
    """Members of one ZIP file."""
