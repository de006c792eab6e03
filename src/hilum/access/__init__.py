"""Who may do what: principals, scopes, API keys, tokens; asked by every door."""

from hilum.access.api_keys import ApiKeys, NewKey, make_key
from hilum.access.gate import Access, TokenRules
from hilum.access.principals import EVERYBODY, NOBODY, AccessScope, Credential, Principal
from hilum.access.roles import GLOBAL_ADMIN, GLOBAL_READER, Role, Roles

__all__ = [
    "EVERYBODY",
    "GLOBAL_ADMIN",
    "GLOBAL_READER",
    "NOBODY",
    "Access",
    "AccessScope",
    "ApiKeys",
    "Credential",
    "NewKey",
    "Principal",
    "Role",
    "Roles",
    "TokenRules",
    "make_key",
]
