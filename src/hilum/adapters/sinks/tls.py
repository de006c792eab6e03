"""TLS towards a broker or a hook: whom we believe, and who we say we are."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from hilum.domain.errors import SinkUnavailable


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files; without `ca` the certificates of the system are believed."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Names and certificates of the far side are checked; TLS 1.2 or newer.

        Raises `SinkUnavailable` for files that cannot be used.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key)
        except OSError as error:  # ssl.SSLError too
            given = ", ".join(str(each) for each in (self.ca, self.certificate, self.key) if each)
            reason = error.strerror or type(error).__name__
            message = f"TLS files of a sink cannot be used ({given}): {reason}."
            raise SinkUnavailable(message) from None
        return context
