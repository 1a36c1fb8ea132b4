"""The report of a run, ``reward.png`` and ``report.html``, and of several runs over one another."""

from .live_report import LiveReport
from .write_report import write_comparison, write_report

__all__ = ["LiveReport", "write_comparison", "write_report"]
