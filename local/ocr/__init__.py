"""The local OCR service: the REST protocol of Yandex Vision OCR's asynchronous API, on loopback, with two engines.

`tesseract` really reads English and Russian; `table` answers with given or synthetic text after a set time, for tests
and load. Start it with `python -m local.ocr`, or in a test with `local.ocr.server.start`.
"""
