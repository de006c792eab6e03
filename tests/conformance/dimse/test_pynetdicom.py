"""pynetdicom as the sender: every transfer syntax, and what one association may carry."""

import asyncio
from collections.abc import Sequence
from io import BytesIO

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE, build_role
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    CTImageStorage,
    PatientRootQueryRetrieveInformationModelFind,
    Verification,
)

from hilum.servers.dimse_contexts import TRANSFER_SYNTAXES
from tests.peers.dimse_archive import DimseArchive
from tests.peers.instances import a_ct_instance, dataset_bytes, split


def associate(port: int, transfer_syntaxes: Sequence[str]) -> Association:
    sender = AE("PYNETDICOM")
    sender.add_requested_context(CTImageStorage, [UID(each) for each in transfer_syntaxes])
    sender.add_requested_context(Verification)
    association = sender.associate("127.0.0.1", port)
    assert association.is_established
    return association


def send_as_it_is(port: int, instance: Dataset, data: bytes) -> int:
    """C-STORE of encoded bytes: pynetdicom itself would decode and encode them again."""
    association = associate(port, [instance.file_meta.TransferSyntaxUID])
    try:
        request = C_STORE()
        request.MessageID = 1
        request.AffectedSOPClassUID = instance.SOPClassUID
        request.AffectedSOPInstanceUID = instance.SOPInstanceUID
        request.Priority = 0
        request.DataSet = BytesIO(data)
        association._reactor_checkpoint.clear()
        association.dimse.send_msg(request, 1)
        _, response = association.dimse.get_msg(block=True)
        association._reactor_checkpoint.set()
        assert isinstance(response, C_STORE)
        assert response.Status is not None
        return int(response.Status)
    finally:
        association.release()


@pytest.mark.parametrize("transfer_syntax_uid", sorted(TRANSFER_SYNTAXES))
async def test_every_transfer_syntax_is_kept_byte_for_byte(
    archive: DimseArchive, transfer_syntax_uid: str
) -> None:
    instance = a_ct_instance(transfer_syntax_uid=transfer_syntax_uid)
    data = dataset_bytes(instance)
    if transfer_syntax_uid in {"1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"}:
        instance.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.1.99")
        data = dataset_bytes(instance)
        instance.file_meta.TransferSyntaxUID = UID(transfer_syntax_uid)

    status = await asyncio.to_thread(send_as_it_is, archive.port, instance, data)

    (row,) = archive.index.rows.values()
    assert status == 0x0000
    assert split(archive.kept(instance.SOPInstanceUID))[1] == data
    assert row.kept.description.transfer_syntax_uid == transfer_syntax_uid


async def test_pynetdicom_stores_and_echoes_on_one_association(archive: DimseArchive) -> None:
    instances = [a_ct_instance() for _ in range(3)]

    def converse() -> list[int]:
        association = associate(archive.port, ["1.2.840.10008.1.2.1"])
        try:
            statuses = [association.send_c_store(each).Status for each in instances]
            return [*statuses, association.send_c_echo().Status]
        finally:
            association.release()

    assert await asyncio.to_thread(converse) == [0, 0, 0, 0]
    assert len(archive.index.rows) == 3


async def test_a_sender_with_only_refused_contexts_is_told_so(archive: DimseArchive) -> None:
    def negotiate() -> list[int | None]:
        sender = AE()
        sender.add_requested_context(PatientRootQueryRetrieveInformationModelFind)
        sender.add_requested_context(Verification)
        association = sender.associate("127.0.0.1", archive.port)
        try:
            return [context.result for context in association.rejected_contexts]
        finally:
            association.release()

    assert await asyncio.to_thread(negotiate) == [3]


async def test_a_role_that_is_not_ours_is_not_taken(archive: DimseArchive) -> None:
    """A requestor that offers itself as SCP gets the default roles (PS3.7 D.3.3.4)."""

    def negotiate() -> bool:
        sender = AE()
        sender.add_requested_context(CTImageStorage)
        role = build_role(CTImageStorage, scp_role=True, scu_role=True)
        association = sender.associate("127.0.0.1", archive.port, ext_neg=[role])
        try:
            (context,) = association.accepted_contexts
            return bool(context.as_scu and not context.as_scp)
        finally:
            association.release()

    assert await asyncio.to_thread(negotiate)
