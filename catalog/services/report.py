"""What an import run did, as users see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

WORDS = ("registered", "updated", "unchanged", "rejected", "conflicts", "collisions")


@dataclass
class ImportReport:
    """What a run did, counted in distinct records that the payload describes. `seen` is the sum of the six words.

    Beside them: `waiting` of the rejected ones are kept until what they name is there, `released` are records of
    earlier payloads that waited for something in this one. `rows` and `rows_expected` compare the payload with the
    last listing of its feed; `missing` are records that were in that one and are not in this one, `suspended` those
    that were therefore suspended; `not_suspended` is why none was. `failure` is why the payload could not be read to its end, `stopped` why nothing of
    it was registered.
    """

    source: str
    payload_hash: str
    dry_run: bool
    run_id: int | None = None
    by_record: dict[str, dict[str, int]] = field(default_factory=dict)
    disputes: int = 0
    waiting: int = 0
    released: int = 0
    rows: int = 0
    rows_expected: int | None = None
    missing: int | None = None
    suspended: int | None = None
    not_suspended: str | None = None
    seconds: float = 0.0
    failure: str | None = None
    stopped: str | None = None
    differences: list[dict[str, Any]] | None = None

    @property
    def totals(self) -> dict[str, int]:
        """The counts over all record types."""
        return {word: sum(c[word] for c in self.by_record.values()) for word in WORDS}

    @property
    def is_clean(self) -> bool:
        """Whether nothing was rejected, held back or refused."""
        totals = self.totals
        held_back = self.disputes or totals["rejected"] or totals["conflicts"] or totals["collisions"]
        return not (self.failure or self.stopped or held_back)

    def count(self, record: str, word: str, number: int = 1) -> None:
        """Add to a count."""
        counts = self.by_record.setdefault(record, {"seen": 0, **dict.fromkeys(WORDS, 0)})
        counts["seen"] += number
        counts[word] += number

    def to_json(self) -> dict[str, Any]:
        """The report as users see it."""
        totals = self.totals
        report: dict[str, Any] = {
            "run_id": self.run_id,
            "source": self.source,
            "payload_hash": self.payload_hash,
            "dry_run": self.dry_run,
            "seen": sum(totals.values()),
            **totals,
            "disputes": self.disputes,
            "waiting": self.waiting,
            "released": self.released,
            "rows": self.rows,
            "by_record": dict(sorted(self.by_record.items())),
            "seconds": round(self.seconds, 3),
        }
        for name in ("rows_expected", "missing", "suspended", "not_suspended", "failure", "stopped", "differences"):
            if getattr(self, name) is not None:
                report[name] = getattr(self, name)
        return report
