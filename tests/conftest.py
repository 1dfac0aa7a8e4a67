"""What every test may use."""

# The canaries come first: they watch everything that the others make.
pytest_plugins = ["canaries", "databases", "grantkeeper.testing"]
