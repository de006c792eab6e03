"""What is said of studies beside their instances: read, and written within other transactions.

Whoever writes of a study, or deletes it, holds its lock. The first who uses a tag holds the row of
its VR until the end of the transaction, so that others wait and find that VR.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from hilum.adapters.database.connections import Connection
from hilum.adapters.database.lanes import Lane
from hilum.adapters.database.statements import chunks, marks, padded
from hilum.domain.errors import NotIndexable
from hilum.domain.external_metadata import ExternalAttribute
from hilum.domain.identifiers import PartitionKey
from hilum.domain.instances import Kept

FORGET_EXTERNAL: Final = (
    "DELETE FROM external_value WHERE partition_key = ? AND study_instance_uid = ?"
)
_VR: Final = "SELECT vr FROM external_tag WHERE partition_key = ? AND tag = ?"
_CLAIM: Final = (
    "INSERT INTO external_tag (partition_key, tag, vr) VALUES (?, ?, ?) "
    "ON CONFLICT (partition_key, tag) DO NOTHING RETURNING tag"
)
_GIVE_UP: Final = "DELETE FROM external_tag WHERE partition_key = ? AND tag = ?"
_PUT: Final = (
    "INSERT INTO external_value (partition_key, study_instance_uid, tag, value) "
    "VALUES (?, ?, ?, ?) ON CONFLICT (partition_key, study_instance_uid, tag) "
    "DO UPDATE SET value = excluded.value"
)
_VRS: Final = "SELECT tag, vr FROM external_tag WHERE partition_key = ?"
_OF: Final = (
    "SELECT v.study_instance_uid, v.tag, t.vr, v.value FROM external_value v "
    "JOIN external_tag t ON t.partition_key = v.partition_key AND t.tag = v.tag "
    "WHERE v.partition_key = ? AND v.study_instance_uid IN ({}) "
    "ORDER BY v.study_instance_uid, v.tag"
)

_Tag = tuple[int, str]


class ExternalWrites:
    """What a batch of instances says of its studies; the last word counts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._vrs: dict[_Tag, str] = {}
        self._claimed: set[_Tag] = set()
        self._said: dict[tuple[int, str, str], str] = {}

    def begin(self, batch: Iterable[Kept]) -> None:
        """Fix the VR of every tag that is named; the locks of the studies are held by now."""
        named: dict[_Tag, str] = {}
        for item in batch:
            for each in item.external:
                named.setdefault((item.partition, each.tag), each.vr)
        for tag, vr in sorted(named.items()):  # in order, so that no two wait for each other
            self._vrs[tag] = self._fixed(tag, vr)

    def _fixed(self, tag: _Tag, vr: str) -> str:
        row = self._connection.execute(_VR, tag).fetchone()
        if row is None:
            if self._connection.execute(_CLAIM, (*tag, vr)).fetchall():
                self._claimed.add(tag)
                return vr
            row = self._connection.execute(_VR, tag).fetchone()
        return str(row[0])

    def refusal(self, item: Kept) -> NotIndexable | None:
        """Why the item cannot be kept with what it says; another may have been first."""
        for each in item.external:
            vr = self._vrs[item.partition, each.tag]
            if vr != each.vr:
                return NotIndexable(f"External metadata {each.tag} has VR {vr}, not {each.vr}.")
        return None

    def put(self, item: Kept) -> None:
        study = item.description.uids.study
        for each in item.external:
            self._said[item.partition, study, each.tag] = each.value

    def run(self) -> None:
        used = {(partition, tag) for partition, _, tag in self._said}
        unused = sorted(self._claimed - used)
        if unused:
            self._connection.executemany(_GIVE_UP, unused)
        if self._said:
            rows = [(*name, value) for name, value in sorted(self._said.items())]
            self._connection.executemany(_PUT, rows)


class SqlExternalMetadata:
    """See `hilum.ports.external_metadata.ReadsExternalMetadata`."""

    def __init__(self, reader: Lane) -> None:
        self._read = reader.run

    async def vrs(self, partition: PartitionKey) -> Mapping[str, str]:
        return await self._read(
            lambda connection: dict(connection.execute(_VRS, (partition,)).fetchall())
        )

    async def of_studies(
        self, partition: PartitionKey, studies: Sequence[str]
    ) -> Mapping[str, Sequence[ExternalAttribute]]:
        found: dict[str, list[ExternalAttribute]] = {}

        def work(connection: Connection) -> None:
            for some in chunks(studies):
                uids = padded(some)
                rows = connection.execute(_OF.format(marks(len(uids))), (partition, *uids))
                for uid, *attribute in rows.fetchall():
                    found.setdefault(uid, []).append(ExternalAttribute(*attribute))

        await self._read(work)
        return found
