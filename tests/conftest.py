"""What every test may use."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

# A busy machine is no failure: what a test looks for is wrong answers, not slow ones.
settings.register_profile("grantkeeper", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("grantkeeper")

# The canaries come first: they watch everything that the others make.
pytest_plugins = ["canaries", "databases", "grantkeeper.testing"]

# A shell starts `make test &` in a script with Ctrl-C ignored, and every process below inherits that: the tests that
# interrupt a command would wait for it in vain.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
