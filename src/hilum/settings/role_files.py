"""Files that the settings name and that say who may do what, as the Azure DICOM service has them.

They are read at the start, and what is wrong in them stops it. Values are never repeated in a
message: a secret may stand anywhere.
"""

import json
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from hilum.settings.loading import SettingsRejected
from hilum.settings.operations import DataAction, RoleSettings

_Read = TypeVar("_Read", bound="_File")
_MAXIMUM_BYTES: Final = 1 << 20


class _Entry(BaseModel):
    """Closed, so that a misspelt member is told."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class _File(BaseModel):
    """Open: the service's own files say `$schema`, and more."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Role(_Entry):
    name: Annotated[str, Field(min_length=1)]
    data_actions: Annotated[tuple[DataAction, ...], Field(alias="dataActions")]
    not_data_actions: Annotated[tuple[DataAction, ...], Field(alias="notDataActions")] = ()
    scopes: Annotated[tuple[Literal["/"], ...], Field(min_length=1)] = ("/",)


class _Roles(_File):
    roles: tuple[_Role, ...]


class AccountEntry(_Entry):
    """A client or a user of the token issuer."""

    id: Annotated[str, Field(min_length=1, max_length=256)]
    secret: Annotated[
        str,
        Field(min_length=8, repr=False, validation_alias=AliasChoices("secret", "password")),
    ]
    roles: tuple[Annotated[str, Field(min_length=1)], ...]


class Accounts(_File):
    """Who may ask the token issuer."""

    clients: Annotated[tuple[AccountEntry, ...], Field(alias="clientApplications")] = ()
    users: tuple[AccountEntry, ...] = ()


def read_roles(path: Path, setting: str = "security.roles_file") -> tuple[RoleSettings, ...]:
    """The roles of a `roles.json`: `{"roles": [{name, dataActions, notDataActions, scopes}]}`.

    Raises `SettingsRejected`: for a file that cannot be read, an unknown data action, a scope
    other than `/`, a role that is there twice.
    """
    roles = _read(path, _Roles, setting).roles
    _demand_once([role.name for role in roles], path, setting, "roles")
    return tuple(
        RoleSettings(
            name=role.name,
            data_actions=role.data_actions,
            not_data_actions=role.not_data_actions,
        )
        for role in roles
    )


def read_accounts(path: Path, setting: str = "security.issuer.accounts_file") -> Accounts:
    """The accounts of a file as the service's `testauthenvironment.json`, with their secrets.

    Raises `SettingsRejected`.
    """
    accounts = _read(path, Accounts, setting)
    _demand_once([each.id for each in accounts.clients], path, setting, "clientApplications")
    _demand_once([each.id for each in accounts.users], path, setting, "users")
    return accounts


def _read(path: Path, kind: type[_Read], setting: str) -> _Read:
    return _parsed(_json(path, setting), kind, path, setting)


def _json(path: Path, setting: str) -> object:
    try:
        if path.stat().st_size > _MAXIMUM_BYTES:
            raise SettingsRejected([f"{setting}: {path} is larger than 1 MiB."])
        content: object = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        problem = f"{setting}: {path} cannot be read ({error.strerror})."
    except ValueError as error:
        place = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        problem = f"{setting}: {path} is not JSON{place}."
    else:
        return content
    raise SettingsRejected([problem])


def _parsed(content: object, kind: type[_Read], path: Path, setting: str) -> _Read:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        problems = [
            f"{setting}: {path}: {_place(details['loc'])}{details['msg']}."
            for details in error.errors(include_input=False)
        ]
    raise SettingsRejected(problems)


def _place(location: tuple[str | int, ...]) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return f"{text.lstrip('.')}: " if text else ""


def _demand_once(names: list[str], path: Path, setting: str, where: str) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise SettingsRejected([f"{setting}: {path}: {where}: {', '.join(repeated)} twice."])
