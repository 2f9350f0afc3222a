"""What every test gets: the check that it leaves nothing behind; and the servers that it can ask for."""

pytest_plugins = ["tests.leaks", "tests.providers.aimock"]
