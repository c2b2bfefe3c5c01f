"""Dying by SIGKILL at a chosen moment of a command's work, to the instruction."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import Any, NoReturn

from sqlalchemy import Engine, event
from sqlalchemy.engine.default import DefaultDialect

_STDERR = 2
_CHANGES = ("INSERT", "UPDATE", "DELETE")


class Moment(StrEnum):
    """What is being done when the process dies."""

    DECODE = "decode"  # about to decode a picture
    FORWARD = "forward"  # about to run the model
    WRITTEN = "written"  # rows are written, and not committed
    COMMIT = "commit"  # about to commit what was written
    COMMITTED = "committed"  # the database has committed, and nobody knows yet
    FSYNC = "fsync"  # about to make a file of a snapshot durable; SQLite's own do not count
    RENAME = "rename"  # about to give a snapshot its name, or take it away


@dataclass(frozen=True)
class Death:
    """The n-th such moment of a process, from 1."""

    moment: Moment
    number: int

    def __str__(self) -> str:
        return f"killed at {self.moment} {self.number}"

    def arm(self) -> None:
        """See to it that this process dies then, and says so on stderr."""
        _ARM[self.moment](self._make_strike())

    def _make_strike(self) -> Callable[[], None]:
        calls = count(1)  # taking the next number is atomic

        def strike() -> None:
            if next(calls) == self.number:
                self._die()

        return strike

    def _die(self) -> NoReturn:
        os.write(_STDERR, f"{self}\n".encode())
        while True:  # until the signal has arrived
            os.kill(os.getpid(), signal.SIGKILL)


def _arm_decode(strike: Callable[[], None]) -> None:
    from indexer.ingest import encoding

    encoding.decoded = _before(encoding.decoded, strike)


def _arm_forward(strike: Callable[[], None]) -> None:
    from indexer.model.network_encoder import NetworkEncoder

    forward = _before(NetworkEncoder.forward, strike)
    NetworkEncoder.forward = forward  # type: ignore[method-assign]


def _arm_written(strike: Callable[[], None]) -> None:
    @event.listens_for(Engine, "after_cursor_execute")
    def _(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith(_CHANGES):
            strike()


def _arm_commit(strike: Callable[[], None]) -> None:
    _around_commits(before=strike, after=lambda: None)


def _arm_committed(strike: Callable[[], None]) -> None:
    _around_commits(before=lambda: None, after=strike)


def _around_commits(*, before: Callable[[], None], after: Callable[[], None]) -> None:
    """Call something around each commit that has changed rows; those of readers do not count."""
    wrote = "wrote"

    @event.listens_for(Engine, "after_cursor_execute")
    def _(connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith(_CHANGES):
            connection.info[wrote] = True

    commit = DefaultDialect.do_commit

    def watched(dialect: DefaultDialect, connection: Any) -> None:
        counts = connection.info.pop(wrote, False)
        if counts:
            before()
        commit(dialect, connection)
        if counts:
            after()

    DefaultDialect.do_commit = watched  # type: ignore[method-assign]


def _arm_fsync(strike: Callable[[], None]) -> None:
    os.fsync = _before(os.fsync, strike)


def _arm_rename(strike: Callable[[], None]) -> None:
    os.rename = _before(os.rename, strike)


def _before(call: Callable[..., Any], strike: Callable[[], None]) -> Callable[..., Any]:
    def called(*arguments: Any, **options: Any) -> Any:
        strike()
        return call(*arguments, **options)

    return called


_ARM: dict[Moment, Callable[[Callable[[], None]], None]] = {
    Moment.DECODE: _arm_decode,
    Moment.FORWARD: _arm_forward,
    Moment.WRITTEN: _arm_written,
    Moment.COMMIT: _arm_commit,
    Moment.COMMITTED: _arm_committed,
    Moment.FSYNC: _arm_fsync,
    Moment.RENAME: _arm_rename,
}
