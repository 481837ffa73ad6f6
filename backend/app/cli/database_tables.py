"""Tables about the database, as the commands print them."""

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from app.services.database.check import Finding


def render_findings(findings: Iterable[Finding]) -> Table:
    """What was looked at and whether it holds; each fault on a line of its own."""
    table = Table("Checked", "Promise", "Found")
    for finding in findings:
        found = Text("holds", "green") if finding.ok else Text("\n".join(finding.faults), "red")
        table.add_row(finding.name, finding.promise, found)
    return table
