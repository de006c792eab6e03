"""Orthanc with its DICOMweb plugin, and DCMTK, from Debian.

Orthanc is set up for fair comparison: SQLite index, no compression, every file flushed to disk
before it answers (SyncStorageArea, its default), no authentication, loopback only.
"""

import json
import os
from pathlib import Path

from scripts.engines.engine import Engine, ask, program
from scripts.engines.place import Place, is_free
from scripts.engines.process import Launch

_USUAL_PORTS = {"port": 8042, "dicom": 4242}


class Orthanc(Engine):
    name = "orthanc"
    title = "Orthanc"
    port_names = ("port", "dicom")
    debian = ("orthanc", "orthanc-dicomweb")

    def missing(self) -> list[str]:
        return [
            name
            for name, there in (("orthanc", program("Orthanc")), ("orthanc-dicomweb", _plugin()))
            if not there
        ]

    def wanted_ports(self) -> dict[str, int]:
        return {name: port for name, port in _USUAL_PORTS.items() if is_free(port)}

    def prepare(self, place: Place) -> None:
        (place.data / "storage").mkdir(parents=True, exist_ok=True)
        (place.data / "index").mkdir(exist_ok=True)
        settings = {
            "Name": "Hilum's peer",
            "StorageDirectory": str(place.data / "storage"),
            "IndexDirectory": str(place.data / "index"),
            "StorageCompression": False,
            "SyncStorageArea": True,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "HttpServerEnabled": True,
            "HttpPort": place.port,
            "DicomServerEnabled": True,
            "DicomPort": place.ports["dicom"],
            "DicomAet": "ORTHANC",
            "DicomCheckCalledAet": False,
            "Plugins": [str(_plugin())],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
            **self.extra,
        }
        (place.folder / "orthanc.json").write_text(json.dumps(settings, indent=2))

    def __init__(self, extra: dict[str, object] | None = None) -> None:
        """Take settings of Orthanc that are added to ours."""
        self.extra = extra or {}

    def launch(self, place: Place) -> Launch:
        # Read by the DCMTK inside: without it each of its responses is held back for 40 ms.
        environment = {"TCP_NODELAY": "1"}
        return Launch([program("Orthanc") or "Orthanc", place.folder / "orthanc.json"], environment)

    def answers(self, place: Place) -> bool:
        return ask(place.port, b"GET /system HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200")

    def address(self, place: Place) -> str:
        return f"http://127.0.0.1:{place.port}"

    def remarks(self, place: Place) -> str:
        return f"{self.address(place)}/dicom-web and DIMSE port {place.ports['dicom']}"


class Dcmtk(Engine):
    """Programs only: there is nothing to run."""

    name = "dcmtk"
    title = "DCMTK"
    debian = ("dcmtk",)

    def missing(self) -> list[str]:
        # pynetdicom brings an echoscu and a storescu of its own, but no dcmsend.
        return [] if program("dcmsend") else ["dcmtk"]


def _plugin() -> Path | None:
    for folder in ("/usr/share/orthanc/plugins", "/usr/lib/orthanc"):
        for path in sorted(Path(folder).glob("libOrthancDicomWeb.so*")):
            if os.access(path, os.R_OK):
                return path
    return None
