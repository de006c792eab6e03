"""A server that speaks Azure Blob Storage: Azurite, from npm."""

import base64
import datetime as dt
import hmac
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from scripts.engines.building import fresh, run
from scripts.engines.engine import Engine, ask, make, program
from scripts.engines.place import Place, cache_folder
from scripts.engines.process import Launch

ACCOUNT, KEY = "hilumtests", base64.b64encode(b"not a secret, and never one" + bytes(37)).decode()


class Azure(Engine):
    name = "azure"
    title = "Azure Blob Storage (Azurite)"
    debian = ("nodejs", "npm")
    version = "3.37.0"

    @property
    def _folder(self) -> Path:
        return cache_folder() / f"azurite-{self.version}"

    def missing(self) -> list[str]:
        absent = [] if program("node") else ["nodejs"]
        if not self._folder.is_dir():
            absent += [] if program("npm") else ["npm"]
            absent.append(self._folder.name)
        return absent

    def fetch(self) -> None:
        if self._folder.is_dir():
            return
        folder = fresh("azurite")
        npm = program("npm") or "npm"
        quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--omit=dev", "--omit=optional")
        command = [npm, "install", *quiet, "--prefix", folder, f"azurite@{self.version}"]
        run("Azurite", command, folder)
        folder.rename(self._folder)

    def prepare(self, place: Place) -> None:
        place.data.mkdir(exist_ok=True)

    def launch(self, place: Place) -> Launch:
        server = self._folder / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
        return Launch(
            [
                *(program("node") or "node", server, "--silent", "--disableTelemetry"),
                *("--blobHost", "127.0.0.1", "--blobPort", str(place.port)),
                *("--skipApiVersionCheck", "--disableProductStyleUrl", "--location", place.data),
            ],
            {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"},
        )

    def answers(self, place: Place) -> bool:
        question = b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"
        return ask(place.port, question).startswith(b"HTTP/1.1 4")

    def address(self, place: Place) -> str:
        return f"http://{ACCOUNT}:{quote(KEY, safe='')}@127.0.0.1:{place.port}"


def make_container(address: str, container: str) -> None:
    """Create a container; one that is there already stays."""
    parts = urlsplit(address)
    account, key = parts.username or "", unquote(parts.password or "")
    now = dt.datetime.now(dt.UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    path = f"/{account}/{container}"
    # "Authorize with Shared Key": verb, eleven headers that are empty here, x-ms headers, resource.
    text = "PUT" + "\n" * 12 + f"x-ms-date:{now}\nx-ms-version:2021-08-06\n"
    text += f"/{account}{path}\nrestype:container"
    signature = base64.b64encode(hmac.digest(base64.b64decode(key), text.encode(), "sha256"))
    headers = {
        "x-ms-date": now,
        "x-ms-version": "2021-08-06",
        "authorization": f"SharedKey {account}:{signature.decode()}",
    }
    make(address, "PUT", f"{path}?restype=container", headers=headers)
