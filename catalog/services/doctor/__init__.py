"""The doctor: looks at everything that must hold in a catalog, and changes nothing.

Each check is a function that yields findings, in a read-only transaction of its own with a limit on each statement; one
that fails is a finding itself, and the others go on. `docs/doctor.md` says what each of them means.
"""

from __future__ import annotations

from catalog.services.doctor.examination import Limits, Scope
from catalog.services.doctor.registry import CHECKS, examine
from catalog.services.doctor.report import Finding, Report, Result

__all__ = ["CHECKS", "Finding", "Limits", "Report", "Result", "Scope", "examine"]
