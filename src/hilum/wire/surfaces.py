"""The DICOMweb surfaces as data: one implementation, three sets of rules.

`/v1` and `/v2` follow the Azure DICOM service strictly, `/dicom-web` follows PS3.18 in full.
"""

from dataclasses import dataclass
from typing import Final

from hilum.wire.frame_rules import AZURE_FRAMES, STANDARD_FRAMES, FrameRules
from hilum.wire.rendered_rules import AZURE_RENDERED, STANDARD_RENDERED, RenderedRules
from hilum.wire.retrieve_rules import (
    AZURE_V1_RETRIEVE,
    AZURE_V2_RETRIEVE,
    STANDARD_RETRIEVE,
    RetrieveRules,
)
from hilum.wire.search_rules import (
    AZURE_V1_SEARCH,
    AZURE_V2_SEARCH,
    STANDARD_SEARCH,
    SearchRules,
)
from hilum.wire.store_rules import AZURE_V1_STORE, AZURE_V2_STORE, STANDARD_STORE, StoreRules


@dataclass(frozen=True, slots=True)
class Surface:
    """What differs between the surfaces. A route asks its surface, never for its name."""

    name: str
    prefix: str
    """Path below which the DICOMweb resources lie."""
    validation_profile: str
    """Profile of `hilum.ingest.profiles` for what is stored here."""

    strict_accept: bool
    """A missing or partly unreadable Accept header is refused with 406."""
    offers_xml: bool
    """Data sets go out as `application/dicom+xml`, too (PS3.18 section 8.7.3.2)."""
    offers_wado_uri: bool
    """Instances can be had by the URI service, too (PS3.18 chapter 9)."""
    same_bytes_conflict: bool
    """Storing an instance that is held already, byte for byte, is reported as a failure 45070."""
    warnings_are_202: bool
    """A store in which every instance was kept, some with findings, answers 202 and not 200."""
    lists_failed_attributes: bool
    """Every ReferencedSOPSequence item carries (0074,1048), empty when there is nothing to say."""

    store: StoreRules
    search: SearchRules
    retrieve: RetrieveRules
    frames: FrameRules
    rendered: RenderedRules
    operation_succeeded: str = "succeeded"
    """How the good end of an operation is told."""
    external_metadata: bool = False
    """Header fields of a store say something of its studies, which is told to who asks for it
    (`hilum.wire.external_headers`)."""


AZURE_V1: Final = Surface(
    name="azure-v1",
    prefix="/v1",
    validation_profile="azure-v1",
    strict_accept=True,
    offers_xml=False,
    offers_wado_uri=False,
    same_bytes_conflict=True,
    warnings_are_202=False,
    lists_failed_attributes=False,
    store=AZURE_V1_STORE,
    search=AZURE_V1_SEARCH,
    retrieve=AZURE_V1_RETRIEVE,
    frames=AZURE_FRAMES,
    rendered=AZURE_RENDERED,
    operation_succeeded="completed",
)
AZURE_V2: Final = Surface(
    name="azure-v2",
    prefix="/v2",
    validation_profile="azure-v2",
    strict_accept=True,
    offers_xml=False,
    offers_wado_uri=False,
    same_bytes_conflict=True,
    warnings_are_202=True,
    lists_failed_attributes=True,
    store=AZURE_V2_STORE,
    search=AZURE_V2_SEARCH,
    retrieve=AZURE_V2_RETRIEVE,
    frames=AZURE_FRAMES,
    rendered=AZURE_RENDERED,
    external_metadata=True,
)
STANDARD: Final = Surface(
    name="standard",
    prefix="/dicom-web",
    validation_profile="standard",
    strict_accept=False,
    offers_xml=True,
    offers_wado_uri=True,
    same_bytes_conflict=False,
    warnings_are_202=False,
    lists_failed_attributes=False,
    store=STANDARD_STORE,
    search=STANDARD_SEARCH,
    retrieve=STANDARD_RETRIEVE,
    frames=STANDARD_FRAMES,
    rendered=STANDARD_RENDERED,
)
SURFACES: Final = (AZURE_V1, AZURE_V2, STANDARD)
