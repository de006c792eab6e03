"""The first half of the pipeline: what there is to say of an instance before it is kept."""

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final

from hilum.dicom.frames import FrameTable
from hilum.dicom.image_facts import image_pixels
from hilum.dicom.limits import HeaderLimits
from hilum.dicom.memo import Memo
from hilum.domain.errors import PixelsNotDecodable
from hilum.domain.extended_tags import NO_EXTENDED_TAGS
from hilum.domain.instances import Content, Description, InMemory, StorePolicy
from hilum.ingest.current_tags import CurrentTags
from hilum.ingest.deep import DeepProfiles, profile_of, with_findings
from hilum.ingest.examine import Examined, examine
from hilum.ingest.frame_reading import ContentFrames
from hilum.ingest.policies import NO_RULES, PolicyRules
from hilum.ports.telemetry import IngestMeter
from hilum.validation.decoding import FrameJudge, StoredImage, check_frames
from hilum.validation.profiles import DEEP_PROFILES
from hilum.validation.telling import told

_USUAL_DEPTH: Final = "standard"
"""The profile for frames where a policy asks for decoding and names no depth."""
_AT_ONCE: Final = 2
"""Instances, and frames of each, that are decoded at the same time: they are in memory."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """What instances are judged by, beside the policy of each."""

    rules: PolicyRules = NO_RULES
    """Change the policies of arrivals."""
    profiles: DeepProfiles = field(default_factory=lambda: DEEP_PROFILES)
    """Those that a policy's depth may name."""
    frames: FrameJudge | None = None
    """Decodes where a policy asks for it; without, nothing is decoded."""
    frame_bytes: int = 256 << 20
    """Stored frames of more bytes are not decoded."""
    tags: CurrentTags | None = None
    """What is indexed beside the usual; without, nothing is."""


class Judging:
    """Examines instances side by side, in threads where it takes long; decodes where asked to."""

    def __init__(
        self,
        *,
        meter: IngestMeter,
        header_limits: HeaderLimits,
        inline_bytes: int,
        threads: int,
        memo_bytes: int,
        criteria: Criteria,
    ) -> None:
        """Instances of up to `inline_bytes` are examined in the event loop, unless deeply."""
        self._meter = meter
        self._header_limits = header_limits
        self._inline_bytes = inline_bytes
        self._memo = Memo(memo_bytes)
        self._criteria = criteria
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._threads = ThreadPoolExecutor(threads, "hilum-examine")

    def close(self) -> None:
        """Wait for the threads."""
        self._threads.shutdown()

    async def __call__(self, content: Content, policy: StorePolicy) -> Examined:
        """Say everything there is to say of an instance by `policy`; nothing is kept.

        Raises what `examine` does, and `PixelEngineBusy` when frames cannot be decoded now.
        """
        tags = self._criteria.tags
        if tags is not None and tags.is_due():
            await tags.refresh()
        small = isinstance(content, InMemory) and content.size_bytes <= self._inline_bytes
        if small and not policy.depth:
            examined = self._examine(content, policy)
        else:
            loop = asyncio.get_running_loop()
            within = contextvars.copy_context().run
            examined = await loop.run_in_executor(
                self._threads, within, self._examine, content, policy
            )
        if policy.decode and examined.description is not None:
            return await self._decoded(content, policy, examined, examined.description)
        return examined

    def _examine(self, content: Content, policy: StorePolicy) -> Examined:
        criteria = self._criteria
        return examine(
            content,
            policy,
            self._header_limits,
            self._meter,
            self._memo,
            criteria.profiles,
            NO_EXTENDED_TAGS if criteria.tags is None else criteria.tags.known,
        )

    async def _decoded(
        self, content: Content, policy: StorePolicy, examined: Examined, description: Description
    ) -> Examined:
        criteria = self._criteria
        if criteria.frames is None or not description.frame_table:
            return examined
        table = FrameTable.unpack(description.frame_table)
        try:
            pixels = image_pixels(description.metadata, description.transfer_syntax_uid)
        except PixelsNotDecodable:
            return examined  # without rows and columns: the header's findings say so
        profile = profile_of(policy.depth or _USUAL_DEPTH, criteria.profiles)
        image = StoredImage(table, pixels, ContentFrames(content, table), criteria.frame_bytes)
        async with self._turns:
            found = await check_frames(image, criteria.frames, _AT_ONCE)
        verdict = with_findings(examined.verdict, told(profile.apply(found)))
        return replace(
            examined,
            verdict=verdict,
            description=None if verdict.is_refused else description,
        )
