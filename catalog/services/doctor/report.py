"""What the doctor says: a result per check, with its findings, and for each the command that mends it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

#: How many examples a finding carries.
SHOWN = 5
#: What mends records that are not what they should be by their observations.
ANEW = "`catalog precedence set SOURCE N` with the number that it has derives anew whatever the source speaks of"


@dataclass(frozen=True)
class Finding:
    """Something that should not be so.

    `what` says it in words, `value` is the figure or text that gave it away, `count` how often it is so among what was
    looked at, `examples` the first of them, `mend` the command or SQL that mends it. Advice is what works as it is.
    """

    what: str
    mend: str
    value: str | int | None = None
    count: int = 1
    examples: Sequence[str] = ()
    is_advice: bool = False

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "what": self.what, "value": self.value, "count": self.count, "examples": list(self.examples),
            "mend": self.mend, "is_advice": self.is_advice,
        }  # fmt: skip


@dataclass
class Tally:
    """Counts what is wrong, and keeps the first examples."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, example: str) -> None:
        """One more."""
        self.count += 1
        if len(self.examples) < SHOWN:
            self.examples.append(example)

    def findings(self, what: str, mend: str) -> Iterable[Finding]:
        """The finding that it amounts to, if it is one."""
        if self.count:
            yield Finding(what, mend, count=self.count, examples=self.examples)


@dataclass(frozen=True)
class Result:
    """What became of one check.

    Its state is ok, advice, finding, error (it could not be carried through, which counts as a finding) or skipped
    (it needs what is not given: a schema of this revision, or more rights); `reason` says why of the last two. `about`
    is what it looks at, in a few words.
    """

    name: str
    about: str
    state: str
    findings: Sequence[Finding] = ()
    reason: str | None = None
    mend: str | None = None
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        said = {"reason": self.reason, "mend": self.mend} if self.reason else {}
        found = [finding.to_json() for finding in self.findings]
        head = {"name": self.name, "about": self.about, "state": self.state}
        return head | {"findings": found} | said | {"seconds": round(self.seconds, 3)}


@dataclass(frozen=True)
class Report:
    """All results, and what was examined: versions of the program, the server and the schema."""

    versions: dict[str, str | None]
    results: Sequence[Result]
    is_full: bool
    seconds: float

    @property
    def is_content(self) -> bool:
        """Whether nothing was found but advice."""
        return all(result.state not in ("finding", "error") for result in self.results)

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "is_content": self.is_content, "versions": self.versions, "full": self.is_full,
            "checks": [result.to_json() for result in self.results], "seconds": round(self.seconds, 3),
        }  # fmt: skip
