"""A repair destroys nothing that the index names, whatever was found before."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from hilum.catalogue.fsck_report import Damage, Found, FsckReport
from hilum.catalogue.repair import RepairArchive
from hilum.domain.identifiers import InstanceUIDs, ObjectKey, PartitionKey
from hilum.domain.instances import Kept
from hilum.domain.maintenance import IndexProblem
from hilum.ports.objects import StoredObject
from tests.instances import an_instance
from tests.unit.ingest.houses import House, a_house, an_arrival


@dataclass
class NoMaintenance:
    """Counts that are always right."""

    forgotten: list[tuple[InstanceUIDs, PartitionKey]] = field(default_factory=list)

    async def recount(self) -> None:
        pass

    async def check_integrity(self) -> Sequence[IndexProblem]:
        return ()

    async def forget(self, uids: InstanceUIDs, partition: PartitionKey) -> None:
        self.forgotten.append((uids, partition))


class Nowhere:
    """No object may come here."""

    async def keep(self, key: ObjectKey, content: AsyncIterator[bytes]) -> str:
        raise AssertionError(key, [chunk async for chunk in content])


async def _settled() -> None:
    pass


async def _repair(house: House, damage: Damage, *, kept: Kept) -> Found:
    """Repair what a check found of the object of `kept`, whose row comes while it is described."""

    async def describe(_: StoredObject) -> Kept:
        if not house.index.rows:
            await house.index.commit([kept])
        return kept

    report = FsckReport()
    report.add(Found(damage, "found", StoredObject(kept.object_key, kept.size_bytes)))
    repair = RepairArchive(
        house.index,
        NoMaintenance(),  # type: ignore[arg-type] - it walks nothing here
        house.objects,
        describe,
        Nowhere(),
        _settled,
    )
    await repair(report)
    return report.found[0]


@pytest.mark.parametrize("damage", [Damage.OBJECT_LEFT_OVER, Damage.OBJECT_NOT_FREED])
async def test_an_object_that_the_index_names_is_not_freed(damage: Damage) -> None:
    async with a_house() as house:
        await house.ingest(an_arrival(an_instance()))
        (row,) = house.index.rows.values()

        found = await _repair(house, damage, kept=row.kept)

        assert not found.mended
        assert "check again" in found.remedy
        house.demand_tidy()


async def test_an_object_whose_row_comes_during_its_repair_stays() -> None:
    async with a_house() as house:
        await house.ingest(an_arrival(an_instance()))
        (row,) = house.index.rows.values()
        house.index.rows.clear()

        found = await _repair(house, Damage.OBJECT_UNREFERENCED, kept=row.kept)

        assert found.remedy == "has its row again"
        house.demand_tidy()
