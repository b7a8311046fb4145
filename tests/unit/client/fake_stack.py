"""A stack in memory: buckets by moto, and a control function that speaks its protocol and reads what is uploaded."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Literal

import boto3
from botocore.exceptions import ClientError
from moto import mock_aws

from textdrop.client.uploads import source_of
from textdrop.core.identity import document_id

REGION: Literal["eu-central-1"] = "eu-central-1"
UPLOADS, RESULTS, CONTROL = "textdrop-uploads", "textdrop-results", "textdrop-control"
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
PRICE_MILLIS = 132  # of a page, in thousandths
OUTCOMES = ("succeeded", "partial", "failed", "skipped", "cancelled")
STEPS = ("accepted", "recognizing", "delivering", "final")


def text_time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def cost(pages: int) -> dict[str, Any]:
    return {"amount": f"{pages * PRICE_MILLIS / 1000:.3f}", "currency": "RUB", "prices_of": "2026-05"}


class Refused(Exception):
    """Control's error: its code, what and advice."""


class FakeControl:
    """Answers as control does. Each status of a document that is in flight brings it one step on.

    `endings` say what becomes of keys: an outcome and a reason; those not named succeed. `requests` are all that came.
    """

    def __init__(self, s3: Any) -> None:
        self._s3 = s3
        self.documents: dict[str, dict[str, Any]] = {}
        self.endings: dict[str, tuple[str, str | None]] = {}
        self.requests: list[dict[str, Any]] = []
        self.page_size = 100
        self.paused = ""
        self.unavailable = 0
        self.caps: dict[str, Any] | None = None
        self.kinds = (3, 0, 0)
        """Of each object that a backfill finds, how many pages are paid for, reused and skipped."""
        self.goes_on = False
        """Each summary, too, brings documents in flight one step on."""
        self.check: dict[str, Any] = {
            "version": "0.1.0",
            "ocr": {"ok": True, "what": None, "advice": None, "latency_seconds": 0.12},
            "clock": {"offset_seconds": 0.4},
            "endpoints": [{"name": "ocr", "url": "https://ocr.example", "ok": True, "what": None}],
            "history_index": True,
            "submits_per_second": 10,
        }

    def add(
        self, key: str, outcome: str | None = "succeeded", reason: str | None = None, **more: Any
    ) -> dict[str, Any]:
        """A document that is there, with its outcome, or in flight (None)."""
        number = len(self.documents)
        at = NOW - timedelta(minutes=number)
        done = outcome is not None
        pages = {"total": 2, "recognized": 2, "failed": 0, "finished": 2, "paid": 2, "unconfirmed": 0, "kept": 0}
        pages |= {"reused": 0, "skipped": 0}
        if outcome not in ("succeeded", "partial"):
            pages |= {"recognized": 0, "failed": 2 if outcome == "failed" else 0, "finished": 2 if done else 1}
        document = {
            "document": f"{number:032x}",
            "key": key,
            "bucket": UPLOADS,
            "version_id": None,
            "run": 1,
            "state": "final" if done else "recognizing",
            "outcome": outcome,
            "reason": reason,
            "what": "The OCR service failed to recognise the page." if reason else None,
            "advice": f"textdrop retry {key}" if reason else None,
            "pages": pages,
            "model": "page",
            "cost": cost(2),
            "accepted_at": text_time(at),
            "began_at": text_time(at),
            "outcome_at": text_time(at) if done else None,
            "due_at": None,
            "waiting_for": None if done else "the OCR service",
            "files": None,
        } | more
        self.documents[document["document"]] = document
        return document

    def hold(self, key: str, **more: Any) -> dict[str, Any]:
        """A document that is held, with two pages of which one is still to be sent."""
        waiting_for = "the next day (UTC): the cap of 10 pages a day has no room for 1 page"
        hold = {"period": "day", "pages": 1, "waits_for_a_person": False}
        return self.add(key, None, **{"state": "held", "waiting_for": waiting_for, "hold": hold, "cost": None, **more})

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        self.requests.append(request)
        given = {name: value for name, value in request.items() if name not in ("version", "command")}
        try:
            if self.unavailable:
                self.unavailable -= 1
                raise Refused("unavailable", "The table could not be read.", "Try again.")
            return {"version": 1, "ok": True, "answer": getattr(self, f"on_{request['command']}")(**given)}
        except Refused as refused:
            code, what, advice = refused.args
            return {"version": 1, "ok": False, "error": {"code": code, "what": what, "advice": advice}}

    # --- commands -----------------------------------------------------------------------------------------------------

    def on_status(self, documents: list[str], pages: bool = False) -> dict[str, Any]:
        found, missing = [], []
        for asked in documents:
            document = self._find(asked)
            if document is None:
                missing.append(asked)
                continue
            self._step(document)
            found.append({**document, "asked": asked})
            if pages:
                found[-1] |= {
                    "page_states": [{"pages": "1-2", "state": "recognized", "reason": None, "text_from": "reused"}],
                    "timeline": [{"at": document["accepted_at"], "what": "received"}],
                    "runs": [{"run": 1, "outcome": document["outcome"], "pages": 2, "paid": 2, "cost": cost(2)}],
                }
        return {"documents": found, "missing": missing}

    def on_list(self, limit: int = 100, cursor: str | None = None, **filters: str) -> dict[str, Any]:
        chosen, after = self._page(cursor, filters)
        return {"documents": chosen, "cursor": after, "evaluated": len(chosen)}

    def on_summary(self, since: str = "", until: str = "", cursor: str | None = None) -> dict[str, Any]:
        if cursor is None:
            return {"since": text_time(NOW), "until": text_time(NOW), "complete": False, "cursor": "more"}
        for each in self.documents.values() if self.goes_on else ():
            self._step(each)
        ended = [each for each in self.documents.values() if each["outcome"]]
        active = [each for each in self.documents.values() if each["state"] in STEPS[:3]]
        paid = sum(each["pages"]["paid"] for each in ended)
        reasons = [each["reason"] for each in ended if each["reason"]]
        return {
            "since": text_time(NOW - timedelta(days=30)),
            "until": text_time(NOW),
            "complete": True,
            "cursor": None,
            "documents": {name: sum(each["outcome"] == name for each in ended) for name in OUTCOMES},
            "retried": dict.fromkeys(OUTCOMES, 0),
            "reasons": {name: reasons.count(name) for name in dict.fromkeys(reasons)},
            "models": {
                "page": {"pages_recognized": paid, "pages_paid": paid, "pages_unconfirmed": 0, "cost": cost(paid)}
            },
            "pages_recognized": paid,
            "pages_paid": paid,
            "pages_unconfirmed": 0,
            "pages_kept": 0,
            "pages_reused": sum(each["pages"]["reused"] for each in ended),
            "pages_skipped": sum(each["pages"]["skipped"] for each in ended),
            "cost": cost(paid),
            "active": {name: sum(each["state"] == name for each in active) for name in STEPS[:3]}
            | {"held": sum(each["state"] == "held" for each in self.documents.values())}
            | {"backfill": 0, "pages_running": len(active), "at_most": False},
            "caps": self.caps,
            "oldest": {"document": active[0]["document"], "key": active[0]["key"], "waiting_seconds": 95.0}
            if active
            else None,
            "pause": self._pause(),
            "days": [{"day": "2026-11-29", "documents": len(ended), "pages_paid": paid, "cost": cost(paid)}],
        }

    def on_retry(
        self, documents: list[str] | None = None, dry_run: bool = False, options: Any = None, **more: Any
    ) -> dict[str, Any]:
        began, unchanged, after = self._chosen(documents, more)
        pages = sum(each["pages"]["total"] for each in began)
        if not dry_run:
            for each in began:
                self.endings.pop(each["key"], None)
                each.update(run=each["run"] + 1, state="accepted", outcome=None, reason=None, what=None, advice=None)
        return {"began": began, "unchanged": unchanged, "cursor": after, "pages": pages, "cost": cost(pages)}

    def on_cancel(self, documents: list[str] | None = None, dry_run: bool = False, **more: Any) -> dict[str, Any]:
        chosen, unchanged, after = self._chosen(documents, more, outcome="active")
        if not dry_run:
            for each in chosen:
                each.update(state="delivering", outcome="cancelled")
        return {"cancelled": chosen, "unchanged": unchanged, "cursor": after}

    def on_release(self, documents: list[str] | None = None, dry_run: bool = False, **more: Any) -> dict[str, Any]:
        chosen, unchanged, after = self._chosen(documents, more, outcome="held")
        pages = sum(each["hold"]["pages"] for each in chosen)
        if not dry_run:
            for each in chosen:
                each.update(state="recognizing", hold=None, waiting_for="a free slot")
        return {"released": chosen, "unchanged": unchanged, "cursor": after, "pages": pages, "cost": cost(pages)}

    def on_delete(self, documents: list[str] | None = None, dry_run: bool = False, **more: Any) -> dict[str, Any]:
        chosen, unchanged, after = self._chosen(documents, more)
        if not dry_run:
            for each in chosen:
                each.update(state="deleting", ocr_result_kept_until=text_time(NOW + timedelta(days=3)))
        return {"deleting": [dict(each) for each in chosen], "unchanged": unchanged, "cursor": after}

    def on_render(self, documents: list[str], outputs: str | None = None) -> dict[str, Any]:
        chosen, unchanged, _ = self._chosen(documents, {})
        for each in chosen:
            each.update(state="delivering")
        return {"began": chosen, "unchanged": unchanged}

    def on_pause(self) -> dict[str, Any]:
        self.paused = "operator"
        return {"pause": self._pause()}

    def on_resume(self) -> dict[str, Any]:
        self.paused = ""
        return {"pause": self._pause()}

    def on_check(self) -> dict[str, Any]:
        return {**self.check, "pause": self._pause()}

    def on_backfill(
        self, prefix: str = "", cursor: str | None = None, dry_run: bool = False, options: Any = None
    ) -> dict[str, Any]:
        keys = sorted(
            found["Key"] for found in self._s3.list_objects_v2(Bucket=UPLOADS, Prefix=prefix).get("Contents", [])
        )
        start = int(cursor or 0)
        listed = keys[start : start + self.page_size]
        known = {each["key"] for each in self.documents.values()}
        new = [key for key in listed if key not in known]
        if not dry_run:
            for key in new:
                self.add(key, None)
        paid, reused, skipped = (len(new) * pages for pages in self.kinds)
        return {
            "listed": len(listed),
            "new": len(new),
            "known": len(listed) - len(new),
            "ignored": 0,
            "older_versions": 0,
            "bytes": 1000 * len(new),
            "types": {".pdf": len(new)} if new else {},
            "pages": paid + reused + skipped,
            "pages_paid": paid,
            "pages_reused": reused,
            "pages_skipped": skipped,
            "models": {"page": paid},
            "pdfs": len(new),
            "pdfs_sampled": 1,
            "pdf_pages_sampled": 3,
            "images": 0,
            "images_sampled": 0,
            "cost": cost(paid),
            "seconds": 0.1 * paid,
            "caps": self.caps,
            "cursor": str(start + self.page_size) if start + self.page_size < len(keys) else None,
        }

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _pause(self) -> dict[str, Any]:
        return {"why": self.paused, "since": text_time(NOW) if self.paused else None, "probe_at": None}

    def _find(self, asked: str) -> dict[str, Any] | None:
        if asked in self.documents:
            return self.documents[asked]
        of_key = [each for each in self.documents.values() if asked in (each["key"], f"s3://{UPLOADS}/{each['key']}")]
        if of_key:
            return of_key[-1]
        for found in self._s3.list_objects_v2(Bucket=UPLOADS).get("Contents", []):
            source = source_of(UPLOADS, found["Key"], self._s3.head_object(Bucket=UPLOADS, Key=found["Key"]))
            if asked in (found["Key"], document_id(source)):
                added = self.add(found["Key"], None, state="uploaded", document=document_id(source))
                added["version_id"] = source.version_id or None
                self.documents[added["document"]] = added
                return added
        return None

    def _step(self, document: dict[str, Any]) -> None:
        if document["state"] == "deleting":
            document.update(state="deleted", removed={"objects": 4, "rows": 3})
        if document["state"] in ("final", "deleted", "held"):
            return
        state = STEPS[(("uploaded", *STEPS).index(document["state"]))]
        document["state"] = state
        if state == "final":
            outcome, reason = self.endings.get(document["key"], (document["outcome"] or "succeeded", None))
            document.update(outcome=outcome, reason=reason, outcome_at=text_time(NOW), waiting_for=None)
            document["files"] = self._write(document)

    def _write(self, document: Mapping[str, Any]) -> dict[str, Any]:
        suffixes = {"text": ".txt"} if document["outcome"] in ("succeeded", "partial") else {"error": ".error.json"}
        for suffix in suffixes.values():
            body = f"text of {document['key']}\n" if suffix == ".txt" else json.dumps(error_file(document))
            self._s3.put_object(Bucket=RESULTS, Key=document["key"] + suffix, Body=body.encode())
        return {name: {"bucket": RESULTS, "key": document["key"] + suffix} for name, suffix in suffixes.items()}

    def _page(self, cursor: str | None, filters: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str | None]:
        chosen = [each for each in self.documents.values() if _fits(each, filters)]
        start = int(cursor or 0)
        after = start + self.page_size
        return chosen[start:after], str(after) if after < len(chosen) else None

    def _chosen(self, documents: list[str] | None, filters: dict[str, Any], outcome: str = "") -> tuple[Any, Any, Any]:
        if documents is None:
            page, after = self._page(
                filters.pop("cursor", None), {"outcome": outcome, **filters} if outcome else filters
            )
            return page, [], after
        chosen, unchanged = [], []
        for asked in documents:
            document = self._find(asked)
            is_other = document is not None and outcome != "" and not _fits(document, {"outcome": outcome})
            if document is None or is_other:
                why = "No document is known of it." if document is None else f"It is not {outcome}."
                unchanged.append({"asked": asked, "document": document and document["document"], "why": why})
            else:
                chosen.append(document)
        return chosen, unchanged, None


def _fits(document: Mapping[str, Any], filters: Mapping[str, Any]) -> bool:
    active = document["state"] in (*STEPS[:3], "held")
    outcome = filters.get("outcome")
    kinds = {None: not active, "active": active, "held": document["state"] == "held"}
    wanted = kinds[outcome] if outcome in kinds else document["outcome"] == outcome
    return bool(
        wanted
        and document["key"].startswith(filters.get("prefix", ""))
        and document["reason"] == filters.get("reason", document["reason"])
        and str(document["outcome_at"]) >= filters.get("since", "")
    )


def error_file(document: Mapping[str, Any]) -> dict[str, Any]:
    """The file of a document without text."""
    return {
        "schema": "textdrop.error/1",
        "id": document["document"],
        "run": document["run"],
        "outcome": document["outcome"],
        "source": {"bucket": UPLOADS, "key": document["key"]},
        "reason": document["reason"],
        "what": "The OCR service failed to recognise the page.",
        "advice": "Run it again.",
        "timings": {"accepted_at": text_time(NOW), "outcome_at": text_time(NOW), "duration_seconds": 1},
    }


class FakeLambda:
    """Invokes the fake control."""

    def __init__(self, control: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self._control = control
        self.failures: list[Exception] = []

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803  # boto3's names
        if self.failures:
            raise self.failures.pop()
        assert FunctionName == CONTROL
        return {"Payload": io.BytesIO(json.dumps(self._control(json.loads(Payload))).encode())}


@cache
def _client(service: str) -> Any:
    """Made once: that takes longer than a test. What is behind it is moto's, which is empty in each."""
    return boto3.Session("id", "secret", region_name=REGION).client(service)  # type: ignore[call-overload]  # any


class FakeStack:
    """The session that a Textdrop is given, and what is behind it."""

    def __init__(self, *, versioned: bool = True, parameters: Mapping[str, str] | None = None) -> None:
        self.s3: Any = _client("s3")
        for bucket in (UPLOADS, RESULTS):
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
            if versioned:
                self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        self.control = FakeControl(self.s3)
        self.invoker = FakeLambda(self.control)
        self.parameters = dict(parameters or {})
        self.others: dict[str, Any] = {}
        """Clients of other services, by name; else moto's."""

    def client(self, service: str, **_: Any) -> Any:
        if service in self.others:
            return self.others[service]
        if service == "cloudformation":
            return self
        return {"s3": self.s3, "lambda": self.invoker}.get(service) or _client(service)

    class meta:  # noqa: N801  # as a client has it
        region_name = REGION

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803  # boto3's names
        if StackName != "textdrop":
            what = f"Stack with id {StackName} does not exist"
            raise ClientError({"Error": {"Code": "ValidationError", "Message": what}}, "DescribeStacks")
        outputs = {"UploadsBucketName": UPLOADS, "ResultsBucketName": RESULTS, "ControlFunctionName": CONTROL}
        return {
            "Stacks": [
                {
                    "StackStatus": "CREATE_COMPLETE",
                    "Outputs": [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()],
                    "Parameters": [
                        {"ParameterKey": name, "ParameterValue": value} for name, value in self.parameters.items()
                    ],
                }
            ]
        }


@contextmanager
def fake_stack(**options: Any) -> Iterator[FakeStack]:
    """A stack that is there within."""
    with mock_aws():
        yield FakeStack(**options)
