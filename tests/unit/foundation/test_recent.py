"""What was used lately."""

from hilum.foundation.recent import Recent


def test_the_longest_unused_goes_first() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.keep("a", 1)
    recent.keep("b", 2)
    assert recent.get("a") == 1

    recent.keep("c", 3)

    assert [recent.get(key) for key in "abc"] == [1, None, 3]


def test_as_many_go_as_the_new_one_costs() -> None:
    recent: Recent[str, int] = Recent(10)
    for key in "abcde":
        recent.keep(key, ord(key), 2)

    recent.keep("f", 0, 5)

    assert [key for key in "abcdef" if recent.get(key) is not None] == ["d", "e", "f"]


def test_what_costs_more_than_all_may_drives_nothing_out() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.keep("a", 1)

    recent.keep("b", 2, 3)

    assert recent.get("a") == 1
    assert recent.get("b") is None


def test_a_value_that_is_kept_is_not_counted_twice() -> None:
    recent: Recent[str, int] = Recent(3)
    for _ in range(3):
        recent.keep("a", 1, 2)
    recent.keep("b", 2)

    assert recent.get("a") == 1


def test_a_value_is_replaced() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.keep("a", 1)

    recent.keep("a", 2)

    assert recent.get("a") == 2


def test_nothing_is_left_when_it_is_cleared_and_all_room_is_there_again() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.keep("a", 1, 2)

    recent.clear()
    recent.keep("b", 2, 2)

    assert recent.get("a") is None
    assert recent.get("b") == 2
