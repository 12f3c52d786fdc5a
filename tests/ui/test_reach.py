from ui.reach import Reach


def test_without_a_link_the_words_stay() -> None:
    reach = Reach("this computer only")
    assert reach.words == "this computer only"
    assert not reach.may_change


def test_the_public_link_comes_first_and_is_looked_at_each_time() -> None:
    states = iter(["asking", "open", "given up"])
    reach = Reach("passcode on", lambda: next(states))
    assert [reach.words for _ in range(3)] == [
        "asking for a public link … · passcode on",
        "public link · passcode on",
        "no public link · passcode on",
    ]


def test_a_link_that_was_given_up_does_not_come_back() -> None:
    assert Reach("passcode on", lambda: "asking").may_change
    assert Reach("passcode on", lambda: "open").may_change
    assert not Reach("passcode on", lambda: "given up").may_change
