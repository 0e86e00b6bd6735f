"""Whether a server answers at all: open when it has been silent too often in a row, closed again by an answer.

A silence is a try that nobody answered (`retry.is_silence`). What an open circuit means for requests is on the page
of rules, `retry`. Pure: knows no request, and is told the time.
"""

from __future__ import annotations

OPEN_AFTER = 5
"""Silences in a row. At a fifth of all tries in trouble, five in a row are one in 3,000."""
FIRST_PROBE_S = 1.0
"""Time that a silent server is left alone before one request is tried; doubled each time, up to the longest."""
LONGEST_PROBE_S = 30.0


class Circuit:
    """One server's.

    Args:
        patience_s: Seconds that the server may be silent.
        give_up_after: Requests in a row that may fail for good.
    """

    def __init__(self, patience_s: float, give_up_after: int) -> None:
        self._patience_s = patience_s
        self._give_up_after = give_up_after
        self._ever = False
        self._silences = 0
        self._since = 0.0
        self._probes = 0
        self._spent = 0

    @property
    def is_open(self) -> bool:
        """True while a server that has answered before is silent. One that never did is no interruption to wait for."""
        return self._ever and self._silences >= OPEN_AFTER

    def silence(self, now: float) -> None:
        """A try met nobody."""
        if not self._silences:
            self._since, self._probes = now, 0
        self._silences += 1

    def heard(self) -> None:
        """There is somebody, whatever they said."""
        self._silences = 0

    def answered(self) -> None:
        """A request has its answer."""
        self._ever = True
        self._silences = self._spent = 0

    def rest_s(self) -> float:
        """Seconds to leave a silent server alone now."""
        self._probes += 1
        return min(LONGEST_PROBE_S, FIRST_PROBE_S * 2.0 ** (min(self._probes, 16) - 1))

    def is_lost(self, now: float) -> bool:
        """True when a silent server is not waited for any longer."""
        return self.is_open and now - self._since >= self._patience_s

    def spent(self) -> bool:
        """A request has failed for good. True if it is one of too many in a row: it is the server, not the request."""
        self._spent += 1
        return self._spent >= self._give_up_after
