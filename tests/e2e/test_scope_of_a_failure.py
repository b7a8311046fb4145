"""A hundred uploads, every fifth hostile or met by a fault: the other eighty come out right."""

import json

import hundred
from e2e.whole_stack import WholeStack


def test_every_fifth_of_a_hundred_uploads_is_bad_and_the_others_come_out_right(whole: WholeStack) -> None:
    uploads = hundred.uploads()
    assert sum(upload.is_good for upload in uploads) == 80
    for upload in uploads:
        if upload.fault:
            whole.tell_ocr("faults", upload.fault_request)
    for upload in uploads:
        whole.upload(upload.key, upload.content)
    for number, upload in enumerate(uploads):
        notice = whole.notice(upload.key)
        assert (notice.body["outcome"], notice.body["reason"]) == (upload.outcome, upload.reason), upload.key
        if upload.is_good:
            assert str(1000 + number) in whole.text(notice), upload.key
        elif upload.outcome != "succeeded":
            error = json.loads(whole.read(notice, "error"))
            assert error["what"], upload.key
            assert error["advice"], upload.key
