"""Logs: one line for each event, whatever strangers write; no secret, no value of a variable (V-20, V-23)."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from grantkeeper.cli.running import logs
from grantkeeper.errors import InvalidInput
from grantkeeper.web.service.edge import REQUEST_ID

CORPUS = [
    "plain",
    'two\nlines\r\n{"level": "info", "event": "forged"}',
    "\x1b[2J\x1b[1;1Hcleared",
    "\x9b31mred",
    "a\0b",
    "a\u2028b\u2029c\x85d",
    "\u202egnp.exe",
    "%s %d %n {} {0.__class__}",
    "\ud800",
    "A" * 1_000_000,
    "\n" * 1_000_000,
    "🙂" * 1000,
]
TOKENS = [
    "ya29.a0AfB_byC-canary-canary",
    "1//0gCanaryCanaryCanary",
    "GOCSPX-canary-canary",
    "Bearer " + "x1" * 30,
    "gk_abcdefghijklmnop_" + "s3cr3t" * 7,
]


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What is logged as JSON, the loggers as they were afterwards."""
    names = ["", "grantkeeper", *logs._QUIET]
    before = {each: (_logger(each).handlers[:], _logger(each).level, _logger(each).propagate) for each in names}
    stream = io.StringIO()
    logs.configure(level="debug", form="json", stream=stream)
    yield stream
    logging.captureWarnings(capture=False)
    for each, (handlers, level, propagate) in before.items():
        logger = _logger(each)
        logger.handlers, logger.level, logger.propagate = handlers, level, propagate
        logger.setLevel(level)


def fail(text: str) -> None:
    """Raise."""
    raise ValueError(text)


def _logger(name: str) -> logging.Logger:
    return logging.getLogger(name or None)


@pytest.mark.parametrize("text", CORPUS, ids=range(len(CORPUS)))
def test_whatever_is_written_is_one_line_of_json(written: io.StringIO, text: str) -> None:
    """V-23: as message, as argument, as a value beside it and as an exception's text."""
    log = logging.getLogger("grantkeeper.test")
    log.info("%s", text)
    log.info(text)
    log.warning("beside", extra={"said": text, "more": {"said": [text]}})
    try:
        fail(text)
    except ValueError:
        log.exception("failed")
    lines = written.getvalue().split("\n")
    assert lines.pop() == ""
    assert len(lines) == 4
    for line in lines:
        assert line.isprintable()
        assert len(line) < 20_000
        found = json.loads(line)
        assert {"timestamp", "level", "logger", "event"} <= set(found)
        assert found["logger"] == "grantkeeper.test"


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("name", ["grantkeeper.test", "uvicorn.error", "elsewhere"])
def test_what_looks_like_a_secret_is_left_out(written: io.StringIO, token: str, name: str) -> None:
    """V-20: of every logger, in every place of a line."""
    log = logging.getLogger(name)
    log.warning("the provider said %s", token)
    log.warning("beside", extra={"said": token, "more": {"deep": [token]}})
    try:
        fail(f"refused: {token}")
    except ValueError:
        log.exception("failed")
    assert written.getvalue().count("\n") == 3
    assert token not in written.getvalue()


def test_a_traceback_shows_where_and_no_values(written: io.StringIO) -> None:
    """V-20: file, line and function of each frame, causes too; a variable that holds a secret is not in it."""
    kept = "canary-in-a-variable"
    try:
        try:
            fail(kept[:0])
        except ValueError as error:
            raise LookupError("outer") from error
    except LookupError:
        logging.getLogger("grantkeeper.test").exception("failed")
    found = json.loads(written.getvalue())
    assert found["error"] == "LookupError"
    assert any("test_logs.py" in each for each in found["traceback"])
    assert found["traceback"][-1] == "LookupError: outer"
    assert "ValueError" in str(found["traceback"])
    assert kept not in written.getvalue()


def test_a_line_names_its_request(written: io.StringIO) -> None:
    """The answer has the same id."""
    REQUEST_ID.set("4bf92f3577b34da6")
    logging.getLogger("grantkeeper.test").info("here")
    REQUEST_ID.set("")
    logging.getLogger("grantkeeper.test").info("there")
    here, there = map(json.loads, written.getvalue().splitlines())
    assert here["request_id"] == "4bf92f3577b34da6"
    assert "request_id" not in there


def test_lines_for_people_are_as_clean() -> None:
    """V-23: a terminal is not written to by strangers."""
    formatter = logs._formatter(human=True, colours=False)
    record = logging.LogRecord("grantkeeper.test", logging.INFO, "", 0, "%s", (CORPUS[1] + CORPUS[2],), None)
    line = formatter.format(record)
    assert "\n" not in line
    assert "\x1b" not in line


def test_a_level_that_is_none_is_refused() -> None:
    """And which there are is said."""
    with pytest.raises(InvalidInput, match="no log level 'loud'"):
        logs.configure(level="loud")
    with pytest.raises(InvalidInput, match="no log format 'xml'"):
        logs.configure(form="xml")
