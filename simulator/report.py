"""What a simulated day comes to: rates, waits, latencies and the checker's verdict."""

from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulator.faults import Verdict
from simulator.measures import Measures


@dataclass(frozen=True, kw_only=True)
class Report:
    """The end of a run. `seconds`: how long it took."""

    seconds: float
    measures: Measures
    verdict: Verdict
    notes: tuple[str, ...] = ()
    """What went otherwise than planned, but is no fault of the server's history."""

    @property
    def clean(self) -> bool:
        """Whether the checker found nothing."""
        return self.verdict.clean

    def __rich__(self) -> RenderableType:
        """The report for a terminal."""
        verdict = Text(f"Checker: {self.verdict}", style="green" if self.clean else "red")
        return Group(self._table(), *(Text(note, style="yellow") for note in self.notes), verdict)

    def _table(self) -> Table:
        measures = self.measures
        table = Table(title=f"A day at the help desk ({self.seconds:.0f} s)", show_header=False)
        for name, count in sorted(measures.counts.items()):
            table.add_row(name, f"{count:,}", f"{count / self.seconds:,.1f}/s")
        for code, count in sorted(measures.refusals.items()):
            table.add_row(f"refused: {code}", f"{count:,}", "")
        for why, count in sorted(measures.unknown.items()):
            table.add_row(f"tried again: {why}", f"{count:,}", "")
        table.add_section()
        table.add_row("sent to answered", str(measures.acknowledged), "")
        table.add_row("posted to delivered", str(measures.delivered), "")
        table.add_row("broken to resumed", str(measures.resumed), "")
        table.add_row("asked to joined", str(measures.waited), "")
        return table
