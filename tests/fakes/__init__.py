"""In-memory fakes of every port. The contract suites hold them to what the real adapters do."""

from fakes.buckets import FakeBucket, FakeResults, FakeSources
from fakes.control import FakePause, FakeQuota, FakeTick
from fakes.documents import FakeDocuments, FakeNewest
from fakes.faults import Faults
from fakes.messages import FakeNotices, FakePoller, FakeResumeQueue, Notice
from fakes.ocr import FakeOcr
from fakes.running import FakeClock, FakeJournal, InlineWorkers

__all__ = [
    "FakeBucket",
    "FakeClock",
    "FakeDocuments",
    "FakeJournal",
    "FakeNewest",
    "FakeNotices",
    "FakeOcr",
    "FakePause",
    "FakePoller",
    "FakeQuota",
    "FakeResults",
    "FakeResumeQueue",
    "FakeSources",
    "FakeTick",
    "Faults",
    "InlineWorkers",
    "Notice",
]
