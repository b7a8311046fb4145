"""Records what a commit writes, by running that commit's own code: rows, messages, results, errors and notices.

In a checkout of the commit, with its environment (`.venv`):

    PYTHONPATH=.:layers/textdrop:tests .venv/bin/python <this file> <folder>

Rows of documents and operations come of its simulation: of each rule the largest row that it left. Rows that hold the
stack together are written through its adapters into a table of moto's. Files and notices are those of a few uploads.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path
from typing import Any, cast
from unittest import mock

HISTORIES = 2000
NOW = 1_773_480_413.0


def main(folder: Path) -> None:
    """The folder has the files."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = rows_by_rule()
    _write(folder / "documents.json", kinds["documents"])
    _write(folder / "operations.json", kinds["operations"])
    _write(folder / "control.json", control_rows())
    for name, content in {**messages(), **files()}.items():
        _write(folder / f"{name}.json", content)


def rows_by_rule() -> dict[str, dict[str, Any]]:
    """The largest row that each rule left, as an item."""
    from simulation.stack import HistoryJournal
    from simulation.trial import some
    from textdrop.adapters.aws import items
    from textdrop.core.documents import Document

    found: dict[str, dict[str, Any]] = {"documents": {}, "operations": {}}

    def transition(_journal: HistoryJournal, rule: str, row: Any) -> None:
        kind = "documents" if isinstance(row, Document) else "operations"
        item = items.of_document(row) if isinstance(row, Document) else items.of_operation(row)
        known = found[kind].get(rule)
        if known is None or len(_json(item)) > len(_json(known)):
            found[kind][rule] = item

    with mock.patch.object(HistoryJournal, "transition", transition):
        broken, _ = some((1, HISTORIES))
    assert broken is None, broken
    return {kind: dict(sorted(rows.items())) for kind, rows in found.items()}


def control_rows() -> dict[str, Any]:
    """The rows that hold the stack together, each as it is stored at some time."""
    import boto3
    from moto import mock_aws

    from contract.moto_aws import REGION, make_table
    from textdrop.adapters.aws import items
    from textdrop.adapters.aws.control_rows import DynamoSubmitQuota, DynamoTickRow, DynamoVersionedRow
    from textdrop.adapters.aws.documents_table import DynamoNewestUploads
    from textdrop.adapters.aws.dynamodb import Table
    from textdrop.core import identity, reconciling
    from textdrop.core.documents import Newest, Source
    from textdrop.core.pause import Exchange, Pause, observed
    from textdrop.core.policy import Policy
    from textdrop.core.quota import interval_seconds, throttled
    from textdrop.core.reconciling import Cursor, ListingPage, ReconcileRun

    found: dict[str, Any] = {}
    policy = Policy()
    os.environ.update(AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x", AWS_DEFAULT_REGION=REGION)
    with mock_aws():
        client = boto3.client("dynamodb", region_name=REGION)
        make_table(client, "rows")
        table = Table(client, "rows")

        def keep(name: str, key: tuple[str, str]) -> None:
            found[name] = table.read(key)

        quota = DynamoSubmitQuota(table)
        assert quota.reserve(1, interval_seconds(quota.read(), 10, NOW), NOW, policy.slot_ahead_seconds)
        keep("quota_fresh", items.QUOTA_KEY)
        before = quota.read()
        after = throttled(before, NOW + 1, 5.0)
        assert after is not None
        assert quota.write(before, after)
        keep("quota_throttled", items.QUOTA_KEY)

        pause = DynamoVersionedRow(table, items.PAUSE_KEY, Pause())
        for number in range(policy.failures_before_pause):
            row = pause.read()
            seen = observed(row, Exchange.NOT_SENT, NOW + number, policy)
            assert seen is not None
            assert pause.write(row, seen)
            keep("pause_by_the_service" if seen.since else "pause_failures", items.PAUSE_KEY)
        client.update_item(  # as docs/operations.md has an operator pause
            TableName="rows",
            Key={"pk": {"S": "pause"}, "sk": {"S": "pause"}},
            UpdateExpression="SET operator_since = :now ADD rev :one",
            ExpressionAttributeValues={":now": {"N": str(int(NOW))}, ":one": {"N": "1"}},
        )
        keep("pause_by_an_operator", items.PAUSE_KEY)

        tick = DynamoTickRow(table)
        tick.wake(NOW)
        keep("tick_woken", items.TICK_KEY)
        assert tick.start(NOW, NOW + 20)
        keep("tick_starting", items.TICK_KEY)
        taken = tick.take("owner", NOW, NOW + 20)
        assert taken
        keep("tick_running", items.TICK_KEY)
        assert tick.hand_over("owner", NOW + 20, 1.5)
        keep("tick_handed_over", items.TICK_KEY)
        taken = tick.take("owner", NOW, NOW + 20)
        assert taken
        assert tick.end("owner", taken.wake, 1.5)
        keep("tick_idle", items.TICK_KEY)

        progress = DynamoVersionedRow(table, items.RECONCILE_RUN_KEY, ReconcileRun())
        source = Source("uploads", "a b/№ 1.png", "v1", "e", 1, event_at=NOW, last_modified=NOW, sequencer="0A")
        for name, listed in (
            ("reconcile_under_way", ListingPage((source,), Cursor("a b/№ 1.png", "v1"))),
            ("reconcile_ended", ListingPage((source,), None)),
        ):
            run = reconciling.begun(progress.read(), None, NOW, policy)
            assert progress.write(progress.read(), reconciling.advanced(run, listed, 1, NOW))
            keep(name, items.RECONCILE_RUN_KEY)

        newest = DynamoNewestUploads(table)
        key = items.newest_key(identity.key_id(source))
        newest.update_if_newer(source, Newest(identity.order(source), identity.document_id(source)))
        keep("newest", key)
        newest.expect_outputs(source)
        keep("newest_with_outputs", key)
    return found


def messages() -> dict[str, Any]:
    """What may stand in a queue."""
    from textdrop.core.documents import Resume, Source
    from textdrop.core.events import delivery_body, resume_body, upload_body

    source = Source("uploads", "a b/№ 1+2.png", "v1", "e", 1, event_at=NOW, last_modified=NOW)
    resume = Resume("9f86d081884c7d659a2feaa0c55ad015", 3)
    return {
        "messages": {
            "resume": resume_body(resume),
            "upload_found": upload_body(source),
            "delivery": delivery_body([resume, Resume("0" * 32, 7)]),
        }
    }


def files() -> dict[str, Any]:
    """A result or error of each outcome, and each notice."""
    from fakes.ocr import Failure
    from local.ocr.recognition import Finish, Outcome
    from local.ocr.submission import Submission
    from local.ocr.table import TableEngine
    from textdrop.adapters.yandex.recognition import read_page
    from world import World

    def recognised(content: bytes) -> Any:
        outcomes: list[Outcome] = []
        finish: Finish = lambda outcome, _seconds: outcomes.append(outcome)  # noqa: E731
        submission = mock.Mock(spec=Submission, sha256="0" * 64, content=content, model="page")
        table = {"0" * 64: {"text": "Договор № 5\nfirst line\n\nsecond block"}}
        TableEngine(table, seconds=0, spread=0, seed=0).begin(submission, finish)
        return read_page(outcomes[0].body)

    world = World()
    world.clock.advance(NOW - world.clock.now())
    good = recognised(b"")
    world.ocr.table |= {b"good": good, b"pages:3 bad:2 #1": good, b"pages:3 bad:2 #3": Failure()}
    asked = {"ocr-outputs": "markdown tables searchable-pdf", "ocr-languages": "ru en", "case": "7-114"}
    uploads = {
        "succeeded": world.upload("a b/№ 1+2.png", b"good", asked),
        "scaled": world.upload("scaled.png", b"scaled attached:2"),
        "partial": world.upload("partial.pdf", b"pages:3 bad:2", {"ocr-pages": "1-3"}),
        "failed": world.upload("failed.pdf", b"damaged"),
        "skipped": world.upload("skipped.txt", b""),
        "unrenderable": world.upload("unrenderable.pdf", b"unrenderable", asked),
        "warned": world.upload("signed.pdf", b"signed", asked),
    }
    world.run()
    found: dict[str, Any] = {"notices": {}, "files": {}}
    for name, document in uploads.items():
        [notice] = cast(list[Any], world.notices_of(document))
        found["notices"][name] = notice
        kind = "json" if "json" in notice["files"] else "error"
        found["files"][name] = world.json(notice["files"][kind]["key"])
    return found


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, sort_keys=True, default=_bytes)


def _bytes(value: Any) -> Any:
    return {"base64": base64.b64encode(bytes(value)).decode()}


def _write(path: Path, content: dict[str, Any]) -> None:
    """An entry a line."""
    lines = ",\n".join(f"{json.dumps(name)}: {_json(value)}" for name, value in sorted(content.items()))
    path.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
