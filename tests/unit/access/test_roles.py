import pytest

from hilum.access import EVERYBODY, NOBODY, AccessScope, Role, Roles

READ, WRITE, DELETE = AccessScope.READ, AccessScope.WRITE, AccessScope.DELETE
EVERYTHING = AccessScope.EVERYTHING


def test_the_built_in_reader_reads() -> None:
    assert Roles().scopes(["globalReader"]) == {READ}


def test_the_built_in_admin_may_do_everything() -> None:
    assert Roles().scopes(["globalAdmin"]) == set(AccessScope)


def test_a_role_grants_its_actions_less_those_it_takes_away() -> None:
    curator = Role("curator", frozenset({EVERYTHING}), frozenset({DELETE}))

    granted = Roles([curator]).scopes(["curator"])

    assert granted == set(AccessScope) - {DELETE, EVERYTHING}


def test_a_role_that_takes_everything_away_grants_nothing() -> None:
    nothing = Role("nothing", frozenset({EVERYTHING}), frozenset({EVERYTHING}))

    assert Roles([nothing]).scopes(["nothing"]) == set()


def test_roles_add_up_and_unknown_ones_grant_nothing() -> None:
    writer = Role("writer", frozenset({WRITE}))

    assert Roles([writer]).scopes(["writer", "globalReader", "emperor"]) == {READ, WRITE}
    assert Roles([writer]).scopes([]) == set()


def test_settings_may_replace_a_built_in_role() -> None:
    assert Roles([Role("globalAdmin", frozenset({READ}))]).scopes(["globalAdmin"]) == {READ}


@pytest.mark.parametrize("scope", list(AccessScope))
def test_everybody_may_do_everything_and_nobody_nothing(scope: AccessScope) -> None:
    assert EVERYBODY.may(scope)
    assert not NOBODY.may(scope)
