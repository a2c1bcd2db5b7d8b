from alcseg.words import did_you_mean, nearest, shorten


def test_lists_are_shortened():
    assert shorten(range(3)) == "0, 1, 2"
    assert shorten(range(9), 2) == "0, 1 and 7 more"


def test_the_nearest_known_word_is_named_or_none():
    assert nearest("ema_decy", ["alpha", "ema_decay"]) == "ema_decay"
    assert nearest("xyz", ["alpha"]) is None
    assert did_you_mean("ema_decy", ["alpha", "ema_decay"]) == " Did you mean 'ema_decay'?"
    assert did_you_mean("xyz", ["alpha"]) == ""
