from actrio.providers import Usage


def test_usages_add_up() -> None:
    assert Usage(1, 2) + Usage(10, 20) == Usage(11, 22)
    assert sum([Usage(1, 2), Usage(3, 4)], Usage()) == Usage(4, 6)
