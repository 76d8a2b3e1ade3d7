"""Checks one client's stream of frames against what it may see."""

from bisect import bisect_right
from collections.abc import Sequence

from schemas.values import STAFF, operator_audience, visitor_audience
from simulator import fingerprint
from simulator.faults import Verdict
from simulator.history import ClientHistory, FrameNote, Note
from simulator.log_index import NOWHERE, AccountIndex, LogIndex, between, contains, version_in
from streams.domain.access import Viewer


def entries_of(viewer: Viewer) -> tuple[str, ...]:
    """The audience entries that include a viewer.

    Written down here a second time: the checker must not believe the code that it checks.
    """
    if viewer.kind == "visitor":
        return (visitor_audience(viewer.id),)
    return (STAFF, operator_audience(viewer.id))


class StreamCheck:
    """Follows one client's frames and notes in the order they came."""

    def __init__(
        self,
        history: ClientHistory,
        log: LogIndex,
        verdict: Verdict,
        visible: Sequence[int] | None = None,
    ) -> None:
        """`visible`: what the viewer may see, if the caller has it already."""
        self._history = history
        self._log = log
        self._verdict = verdict
        self._index = log.account(history.viewer.account)
        if visible is None:
            visible = self._index.visible_to(entries_of(history.viewer))
        self._visible: Sequence[int] = visible
        self._cursor: str | None = None
        self._at = NOWHERE
        """The cursor's version."""
        self._catching_up = False
        self._missing: dict[int, str] = {}
        """Versions that were left out so far, and the code if they never come."""

    def run(self) -> None:
        """Look at everything, and report."""
        notes = iter(self._history.notes)
        note = next(notes, None)
        for place, frame in enumerate(self._history.frames):
            while note is not None and note.frames <= place:
                self._note(note)
                note = next(notes, None)
            self._frame(frame)
        while note is not None:
            self._note(note)
            note = next(notes, None)
        for version, code in self._missing.items():
            self._report(code, self._index.id_of(version))
        self._verdict.checked["frames"] += len(self._history.frames)

    # --- notes -------------------------------------------------------------------------

    def _note(self, note: Note) -> None:
        match note.kind:
            case "opened":
                self._opened(note)
            case "caught_up":
                self._caught_up(note.id or "")
            case "reset":
                self._reset(note.id or "")
            case "settled":
                if self._at != NOWHERE:
                    self._leave_out(self._at, int(note.word) + 1)
            case "denied" | "ended":
                pass

    def _opened(self, note: Note) -> None:
        self._catching_up = note.id is not None
        self._cursor = note.id
        self._at = NOWHERE if note.id is None else version_in(note.id)

    def _caught_up(self, id: str) -> None:
        version = version_in(id)
        if not self._index.knows(id):
            self._report("cursor_unknown", id, "caught_up at what is no event of the account")
        elif self._at != NOWHERE and version < self._at:
            self._report("cursor_backward", id, f"caught_up lies before {self._cursor}")
        else:
            if self._at != NOWHERE:
                self._leave_out(self._at, version + 1)
            self._cursor, self._at = id, version
        self._catching_up = False

    def _reset(self, id: str) -> None:
        if self._index.knows(id):
            self._cursor, self._at = id, version_in(id)
        else:
            self._report("cursor_unknown", id, "reset to what is no event of the account")
        self._catching_up = False

    # --- frames ------------------------------------------------------------------------

    def _frame(self, frame: FrameNote) -> None:
        version = version_in(frame.id)
        mark = self._index.mark_of(frame.id)
        if mark is None or frame.mark not in (mark, fingerprint.UNKNOWN):
            other = self._log.owner_of(frame.id, frame.mark, besides=self._history.viewer.account)
            if other is not None:
                self._report("foreign_event", frame.id, f"an event of account {other}")
                return
            self._report("frame_unknown" if mark is None else "frame_altered", frame.id)
            if mark is None:
                return
        if not contains(self._visible, version):
            self._leak(frame.id, version)
        if self._at == NOWHERE or version > self._at:
            self._forward(frame, version)
        elif version in self._missing:
            del self._missing[version]
            self._report("frame_disorder", frame.id, f"came after {self._cursor}")
        else:
            code = "resume_duplicate" if self._catching_up else "frame_duplicate"
            self._report(code, frame.id)

    def _forward(self, frame: FrameNote, version: int) -> None:
        whole = True
        if self._at != NOWHERE:
            whole = self._leave_out(self._at, version)
        if whole and self._cursor is not None and frame.prev != self._cursor:
            self._report("prev_broken", frame.id, f"prev {frame.prev}, not {self._cursor}")
        self._cursor, self._at = frame.id, version

    def _leave_out(self, low: int, high: int) -> bool:
        """Note what is visible between these versions as missing. Whether there is nothing."""
        place = bisect_right(self._visible, low)
        if place == len(self._visible) or self._visible[place] >= high:
            return True
        code = "resume_gap" if self._catching_up else "frame_missing"
        for version in between(self._visible, low, high):
            self._missing[version] = code
        return False

    def _leak(self, id: str, version: int) -> None:
        if self._history.viewer.kind == "visitor" and self._index.is_internal(version):
            self._report("internal_leaked", id)
        else:
            self._report("audience_leaked", id)

    def _report(self, code: str, id: str, detail: str = "") -> None:
        viewer = self._history.viewer
        self._verdict.report(code, self._history.name, viewer.account, id, detail)


def check_reads(history: ClientHistory, index: AccountIndex, verdict: Verdict) -> None:
    """Whatever a client's reads showed must be visible to it and of its account."""
    visible = index.visible_to(entries_of(history.viewer))
    for what, id in history.reads:
        version = version_in(id)
        if index.mark_of(id) is None:
            code = "frame_unknown"
        elif contains(visible, version):
            continue
        elif history.viewer.kind == "visitor" and index.is_internal(version):
            code = "internal_leaked"
        else:
            code = "audience_leaked"
        verdict.report(code, history.name, history.viewer.account, id, f"shown as {what}")
    verdict.checked["reads"] += len(history.reads)
