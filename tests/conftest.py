"""What every test gets: the check that it leaves nothing behind."""

pytest_plugins = ["tests.leaks"]
