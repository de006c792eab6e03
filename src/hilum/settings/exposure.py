"""The rule of the open door: without authentication only loopback may be served."""

import ipaddress
from collections.abc import Sequence

from hilum.settings.model import Settings


def is_loopback(host: str) -> bool:
    """True when only this machine can reach `host`; names other than localhost count as open."""
    if host.strip("[]").lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def exposure_problems(settings: Settings) -> Sequence[str]:
    """Why these settings would hand out patient data to strangers; empty when they would not.

    Each is one line that says how to mend it. `security.insecure` silences them.
    """
    if settings.security.insecure:
        return ()
    problems = []
    http, dimse = settings.http, settings.dimse
    if settings.security.authentication == "none" and not is_loopback(http.host):
        problems.append(
            f"Refusing to serve HTTP on {http.host} without authentication: set"
            ' security.authentication = "required" and create a key (hilum keys create), or pass'
            " --insecure on a closed test network."
        )
    if settings.security.issuer.enabled and not is_loopback(http.host):
        problems.append(
            f"Refusing to hand out tokens on {http.host}: the issuer is for development. Set"
            " security.issuer.enabled = false and use an identity provider (security.jwt), or pass"
            " --insecure on a closed test network."
        )
    if dimse.port and not dimse.allowed_calling_ae_titles and not is_loopback(dimse.host):
        problems.append(
            f"Refusing to serve DIMSE on {dimse.host} to any AE title: set"
            " dimse.allowed_calling_ae_titles, or pass --insecure on a closed test network."
        )
    return tuple(problems)


def exposure_warnings(settings: Settings) -> Sequence[str]:
    """What these settings let others on the network read, though they may be meant so.

    Each is one line that says how to mend it.
    """
    http = settings.http
    if is_loopback(http.host) or http.tls_certificate_file is not None or http.trusted_proxies:
        return ()
    return (
        f"HTTP on {http.host} is not encrypted: patient data and keys can be read on the way. Set"
        " http.tls_certificate_file, or put a TLS proxy before it and name it in"
        " http.trusted_proxies.",
    )
