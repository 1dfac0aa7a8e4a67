"""What every test may use."""

pytest_plugins = ["databases", "grantkeeper.testing"]
