"""What an operator can choose about the DIMSE server, as plain values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DimseOptions:
    """Names and meanings are those of the settings below `dimse` (`hilum.settings.doors`)."""

    host: str = "127.0.0.1"
    port: int = 11_112
    """0 takes any free port: that DIMSE is off with 0 is decided where settings are read."""
    ae_title: str = "HILUM"
    require_called_ae_title: bool = False
    allowed_calling_ae_titles: frozenset[str] = frozenset()
    any_calling_ae_title: bool = False
    """With no titles listed, let peers that are not on loopback associate too (`--insecure`)."""
    accept_unknown_sop_classes: bool = True
    maximum_pdu_bytes: int = 131_072
    """Largest variable field of a P-DATA-TF PDU we take (PS3.8 D.1), told to every peer."""
    pdu_bytes_before_association: int = 1 << 20
    dataset_bytes: int = 16 << 30
    memory_dataset_bytes: int = 1 << 20
    dataset_fragments: int = 8_000_000
    """Fragments (PDVs) of one data set: 16 GiB in PDUs of 2 KiB, the smallest any sender uses."""
    associations: int = 64
    associations_per_peer: int = 8
    artim_seconds: float = 30.0
    network_seconds: float = 60.0
    store_seconds: float = 60.0
    shutdown_seconds: float = 30.0
    backlog: int = 128
