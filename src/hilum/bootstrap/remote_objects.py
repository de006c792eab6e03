"""The object store in a bucket. Importing this module needs the extra `objects`."""

import asyncio
import os

from hilum.adapters.storage.remote.objects import RemoteObjects
from hilum.adapters.storage.remote.options import (
    Access,
    AzureAccess,
    GcsAccess,
    Location,
    RemoteLimits,
    S3Access,
)
from hilum.settings import Settings, parse_storage_url


class Remote:
    """What the settings' bucket is good for; each raises `ArchiveFault`, the last two block."""

    @staticmethod
    def make(settings: Settings) -> RemoteObjects:
        """The store that `storage.url` names."""
        location = _location(settings)
        return RemoteObjects(
            location, _access(settings, location), remote_limits(settings), environment=os.environ
        )

    @classmethod
    def holds_any(cls, settings: Settings) -> bool:
        """True when the bucket holds an object of this archive."""

        async def ask() -> bool:
            async with cls.make(settings) as objects:
                return await objects.holds_any()

        return asyncio.run(ask())

    @classmethod
    def describe(cls, settings: Settings) -> str:
        """What can be said of the bucket by asking it."""
        asyncio.run(cls.make(settings).ping())
        return f"{_location(settings)} can be reached and listed"


def _location(settings: Settings) -> Location:
    scheme, bucket, prefix = parse_storage_url(settings.storage.url)
    return Location(scheme, bucket, prefix)


def _access(settings: Settings, location: Location) -> Access:
    storage = settings.storage
    match location.scheme:
        case "s3":
            s3 = storage.s3
            return S3Access(
                endpoint=s3.endpoint,
                region=s3.region,
                addressing=s3.addressing,
                access_key_id=s3.access_key_id,
                secret_access_key_file=s3.secret_access_key_file,
                credentials_file=s3.credentials_file,
                profile=s3.profile,
                checksum=s3.checksum,
                encryption=s3.encryption,
                encryption_key_id=s3.encryption_key_id,
            )
        case "gs":
            gcs = storage.gcs
            return GcsAccess(gcs.endpoint, gcs.key_file, gcs.anonymous)
        case "az":
            azure = storage.azure
            return AzureAccess(
                azure.account, azure.endpoint, azure.account_key_file, azure.sas_file
            )


def remote_limits(settings: Settings) -> RemoteLimits:
    """Bounds of whatever is asked of buckets."""
    remote = settings.storage.remote
    return RemoteLimits(
        request_seconds=remote.request_seconds,
        connect_seconds=remote.connect_seconds,
        retries=remote.retries,
        retry_seconds=remote.retry_seconds,
        first_backoff_seconds=remote.first_backoff_seconds,
        largest_backoff_seconds=remote.largest_backoff_seconds,
        operation_seconds=remote.operation_seconds,
        bytes_per_second=remote.bytes_per_second,
        uploads=remote.uploads,
        downloads=remote.downloads,
        chunk_bytes=remote.chunk_bytes,
        chunks_ahead=remote.chunks_ahead,
        part_bytes=remote.part_bytes,
        parts_at_once=remote.parts_at_once,
        large_uploads=remote.large_uploads,
        abandoned_seconds=remote.abandoned_seconds,
        verify=remote.verify,
        put_once=remote.put_once,
        ca_file=remote.ca_file,
    )
