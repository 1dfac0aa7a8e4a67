"""Lets gRPC trust the emulator. To be imported before anything opens a gRPC channel: it reads the variable once."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from grantkeeper.emulator.server import authority

_FOLDER = Path(tempfile.mkdtemp(prefix="emulator-roots-"))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)
(_FOLDER / "roots.pem").write_bytes(authority())
os.environ["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] = str(_FOLDER / "roots.pem")
