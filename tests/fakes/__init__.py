"""In-memory fakes of every port. The contract suites hold them to what the real adapters do."""

from fakes.buckets import FakeBucket, FakeResults, FakeSources
from fakes.control import FakeQuota, FakeTick, FakeVersionedRow
from fakes.documents import FakeDocuments, FakeNewest
from fakes.faults import Faults
from fakes.ledger import FakeLedger, FakeSums
from fakes.messages import FakeFunction, FakeNotices, FakeQueue, FakeReceivedMessages, Notice
from fakes.ocr import FakeOcr
from fakes.reconciling import FakeDeadLetters, FakeUploadListing
from fakes.running import FakeClock, FakeJournal, InlineWorkers

__all__ = [
    "FakeBucket",
    "FakeClock",
    "FakeDeadLetters",
    "FakeDocuments",
    "FakeFunction",
    "FakeJournal",
    "FakeLedger",
    "FakeNewest",
    "FakeNotices",
    "FakeOcr",
    "FakeQueue",
    "FakeQuota",
    "FakeReceivedMessages",
    "FakeResults",
    "FakeSources",
    "FakeSums",
    "FakeTick",
    "FakeUploadListing",
    "FakeVersionedRow",
    "Faults",
    "InlineWorkers",
    "Notice",
]
