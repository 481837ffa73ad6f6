"""Names of indicators in what a run leaves: unlike each other, and unchanged where they are."""

from app.services.simulation.naming import distinct


def test_names_that_differ_stay() -> None:
    names = ["SMA(timeperiod=2)", "SMA(timeperiod=3)", "MACD().macd"]
    assert distinct(names, ["a.x", "a.y", "b.z"]) == names


def test_names_that_are_alike_are_followed_by_their_owners() -> None:
    names = ["mine()", "SMA(timeperiod=2)", "mine()"]
    wanted = ["mine() [cross.fast]", "SMA(timeperiod=2)", "mine() [other.fast]"]
    assert distinct(names, ["cross.fast", "cross.sma", "other.fast"]) == wanted


def test_a_number_follows_where_owners_are_not_enough() -> None:
    wanted = ["f().a [s.x]", "f().a [s.x] #2", "f().a [s.x] #3"]
    assert distinct(["f().a"] * 3, ["s.x"] * 3) == wanted


def test_names_fit_into_the_record() -> None:
    long = "f(text=" + "x" * 300 + ")"
    told = distinct([long, long + "1", "f(a\0\ud800)", "y" * 256], ["s.a", "s.b", "s.c", "s.d"])
    assert [len(name) for name in told] == [256, 256, 6, 256]
    assert len(set(told)) == 4
    assert told[0].endswith("… [s.a]")
    assert told[2:] == ["f(a\ufffd\ufffd)", "y" * 256]
