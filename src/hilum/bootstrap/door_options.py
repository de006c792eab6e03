"""From settings to the plain values that doors and their servers take."""

from ipaddress import ip_network

from hilum.bootstrap.open_files import http_room
from hilum.desk.submissions.streams import StatusStreamOptions
from hilum.desk.viewer.files import ViewerFolder
from hilum.desk.viewer.routes import ViewerOptions
from hilum.domain.instances import OnConflict, StorePolicy
from hilum.inbound.dicomweb.intake import StowLimits
from hilum.inbound.upload.form import FormLimits
from hilum.servers.dimse_options import DimseOptions
from hilum.servers.http_cors import Cors
from hilum.servers.http_hosts import HostRule
from hilum.servers.http_protocol import ConnectionLimits
from hilum.servers.http_server import HttpServerOptions, TlsFiles
from hilum.settings import Settings, is_loopback
from hilum.submissions.receiving import ReceivingLimits
from hilum.wire.external_headers import ExternalLimits
from hilum.wire.multipart_related import MultipartLimits
from hilum.wire.search_rules import SearchLimits


def search_limits(settings: Settings) -> SearchLimits:
    search = settings.search
    return SearchLimits(
        default_results=search.default_results,
        maximum_results=search.maximum_results,
        maximum_offset=search.maximum_offset,
        conditions=search.conditions,
        list_values=search.list_values,
        query_bytes=search.query_bytes,
    )


def stow_limits(settings: Settings) -> StowLimits:
    stow = settings.stow
    return StowLimits(
        multipart=MultipartLimits(
            parts=stow.parts,
            part_header_bytes=stow.part_header_bytes,
            part_bytes=stow.part_bytes,
            request_bytes=stow.request_bytes,
        ),
        memory_part_bytes=stow.memory_part_bytes,
        memory_bytes=stow.memory_bytes,
        concurrent_instances=stow.concurrent_instances,
        strict_expiry=stow.strict_expiry,
        external=ExternalLimits(
            headers=settings.external_metadata.headers,
            value_bytes=settings.external_metadata.value_bytes,
            tags=settings.external_metadata.tags,
        ),
    )


def form_limits(settings: Settings) -> FormLimits:
    upload = settings.upload
    return FormLimits(
        file_bytes=upload.file_bytes,
        request_bytes=upload.request_bytes,
        files=upload.files,
        part_header_bytes=upload.part_header_bytes,
        allowed_extensions=upload.allowed_extensions,
    )


def receiving_limits(settings: Settings) -> ReceivingLimits:
    upload = settings.upload
    return ReceivingLimits(
        file_bytes=upload.file_bytes,
        files=upload.files,
        memory_file_bytes=upload.memory_file_bytes,
        memory_bytes=upload.memory_bytes,
        kept_at_once=upload.concurrent_files,
    )


def upload_policy(settings: Settings) -> StorePolicy:
    upload = settings.upload
    return StorePolicy(upload.profile, OnConflict(upload.on_conflict), depth=upload.depth)


def status_stream_options(settings: Settings, poll_seconds: float) -> StatusStreamOptions:
    events = settings.events
    return StatusStreamOptions(
        clients=events.clients,
        heartbeat_seconds=events.heartbeat_seconds,
        slow_seconds=events.slow_seconds,
        lifetime_seconds=events.lifetime_seconds,
        poll_seconds=poll_seconds,
    )


def cors(settings: Settings) -> Cors:
    return Cors(
        allowed_origins=frozenset(settings.cors.allowed_origins),
        allow_credentials=settings.cors.allow_credentials,
        max_age_seconds=settings.cors.max_age_seconds,
        embedding=settings.cors.embedding,
    )


def viewer(settings: Settings) -> ViewerOptions | None:
    """None when no viewer is to be served."""
    if not settings.viewer.enabled:
        return None
    return ViewerOptions(ViewerFolder(settings.viewer.folder), settings.viewer.path)


def viewer_path(settings: Settings) -> str | None:
    """Where the viewer is; None while there is none."""
    options = viewer(settings)
    return options.path if options is not None and options.folder.is_there() else None


def host_rule(settings: Settings) -> HostRule | None:
    """None when callers show credentials, or when any may come by any name (`--insecure`)."""
    http = settings.http
    if settings.security.authentication != "none" or not is_loopback(http.host):
        return None
    return HostRule.of(http.host, http.public_url, http.allowed_hosts)


def http_options(settings: Settings) -> HttpServerOptions:
    http = settings.http
    password = http.tls_key_password
    tls = (
        None
        if http.tls_certificate_file is None
        else TlsFiles(
            http.tls_certificate_file,
            http.tls_key_file,
            None if password is None else password.get_secret_value(),
        )
    )
    return HttpServerOptions(
        host=http.host,
        port=http.port,
        backlog=http.backlog,
        room=http_room(settings),
        keep_alive_seconds=http.keep_alive_seconds,
        shutdown_seconds=http.shutdown_seconds,
        limits=ConnectionLimits(
            header_bytes=http.header_bytes,
            header_seconds=http.header_seconds,
            send_idle_seconds=http.send_idle_seconds,
            connections_per_address=http.connections_per_address,
            proxies=tuple(ip_network(text, strict=False) for text in http.trusted_proxies),
        ),
        tls=tls,
        ping_seconds=settings.worklist.ping_seconds,
    )


def dimse_options(settings: Settings) -> DimseOptions:
    dimse = settings.dimse
    return DimseOptions(
        host=dimse.host,
        port=dimse.port,
        ae_title=dimse.ae_title,
        require_called_ae_title=dimse.require_called_ae_title,
        allowed_calling_ae_titles=frozenset(dimse.allowed_calling_ae_titles),
        any_calling_ae_title=settings.security.insecure,
        accept_unknown_sop_classes=dimse.accept_unknown_sop_classes,
        maximum_pdu_bytes=dimse.maximum_pdu_bytes,
        pdu_bytes_before_association=dimse.pdu_bytes_before_association,
        dataset_bytes=dimse.dataset_bytes,
        memory_dataset_bytes=dimse.memory_dataset_bytes,
        dataset_fragments=dimse.dataset_fragments,
        associations=dimse.associations,
        associations_per_peer=dimse.associations_per_peer,
        artim_seconds=dimse.artim_seconds,
        network_seconds=dimse.network_seconds,
        store_seconds=dimse.store_seconds,
        shutdown_seconds=dimse.shutdown_seconds,
        backlog=dimse.backlog,
    )


def dimse_on_conflict(settings: Settings) -> OnConflict:
    return OnConflict(settings.dimse.on_conflict)
