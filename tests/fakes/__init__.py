"""In-memory fakes of every port. The contract suites hold them to what the real adapters do."""

from fakes.buckets import FakeBucket, FakeResults, FakeSources
from fakes.control import FakePause, FakeQuota, FakeTick
from fakes.documents import FakeDocuments, FakeNewest
from fakes.faults import Faults
from fakes.messages import FakeNotices, FakePoller, FakeResumeQueue, Notice
from fakes.ocr import FakeOcr
from fakes.reconciling import FakeDeadLetters, FakePassRow, FakeSuccessor, FakeUploadListing, FakeUploadsQueue
from fakes.running import FakeClock, FakeJournal, InlineWorkers

__all__ = [
    "FakeBucket",
    "FakeClock",
    "FakeDeadLetters",
    "FakeDocuments",
    "FakeJournal",
    "FakeNewest",
    "FakeNotices",
    "FakeOcr",
    "FakePassRow",
    "FakePause",
    "FakePoller",
    "FakeQuota",
    "FakeResults",
    "FakeResumeQueue",
    "FakeSources",
    "FakeSuccessor",
    "FakeTick",
    "FakeUploadListing",
    "FakeUploadsQueue",
    "Faults",
    "InlineWorkers",
    "Notice",
]
