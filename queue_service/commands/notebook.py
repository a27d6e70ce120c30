"""What an attempt leaves behind while it runs: steps that are done, kept once, and lines of a log, in their order."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from queue_service.domain.workingset import WorkingSet
from shared.errors import PayloadTooLarge
from shared.job_commands import Report
from shared.jobs import JobStep, LogLine
from shared.jsonio import dumps, loads

MAX_STEPS: Final = 100
MAX_STEPS_BYTES: Final = 65_536
"""Of the results of a job's steps together: each attempt after the first is given all of them."""

MAX_LINES: Final = 10_000
"""Lines of an attempt; their numbers may have gaps, and end there."""

_TOO_MUCH: Final[dict[str, Any]] = {"status": PayloadTooLarge.status, "errorCode": PayloadTooLarge.code}


@dataclass(slots=True)
class Notebook:
    """What the reports of one command leave behind, beside what was there."""

    working: WorkingSet
    now: datetime
    steps: list[JobStep] = field(default_factory=list)
    lines: list[LogLine] = field(default_factory=list)
    _kept: dict[int, dict[str, JobStep]] = field(default_factory=dict)
    _last_lines: dict[tuple[int, int], int] = field(default_factory=dict)

    def note(self, report: Report) -> dict[str, Any]:
        """Put down a step or a line of an attempt that runs. Returns the result of the report."""
        return self._step(report) if report.kind == "step" else self._line(report)

    def _step(self, report: Report) -> dict[str, Any]:
        kept = self._kept.setdefault(report.taskId, dict(self.working.steps[report.taskId]))
        name, result = report.name or "", dumps(report.result).decode()
        if name in kept:
            return {"status": 200, "already": True, "result": loads(kept[name].result)}
        size = sum(len(text.encode()) for text in (result, *(step.result for step in kept.values())))
        if len(kept) == MAX_STEPS or size > MAX_STEPS_BYTES:
            return _TOO_MUCH
        kept[name] = JobStep(report.taskId, name, report.attempt, result, self.now)
        self.steps.append(kept[name])
        return {"status": 200}

    def _line(self, report: Report) -> dict[str, Any]:
        number, of_attempt = report.line or 0, (report.taskId, report.attempt)
        last = self._last_lines.get(of_attempt) or self.working.last_lines.get(of_attempt, 0)
        if number <= last:
            return {"status": 200, "already": True}
        if number > MAX_LINES:
            return _TOO_MUCH
        self._last_lines[of_attempt] = number
        fields = dumps(report.fields).decode()
        self.lines.append(LogLine(*of_attempt, number, report.level, report.message, fields, self.now))
        return {"status": 200}
