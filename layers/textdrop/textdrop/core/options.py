"""How a document is to be recognised: from the upload's metadata, else from the stack's parameters.

Languages and models, and the rules on which can be combined, are those of the OCR service's documentation (pages
"Supported languages" and "Recognition models").
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from textdrop.core import page_ranges
from textdrop.core.documents import OptionFrom, Options, Output
from textdrop.core.errors import InvalidOptions

PREFIX = "ocr-"
LANGUAGES = "ocr-languages"
MODEL = "ocr-model"
OUTPUTS = "ocr-outputs"
PAGES = "ocr-pages"
REUSE = "ocr-reuse"
NAMES = (LANGUAGES, MODEL, OUTPUTS, PAGES, REUSE)
NO_OUTPUTS = "none"
YES, NO = "yes", "no"

RETRY = (
    "Retry the document with the right ones: textdrop retry, with --languages, --model, --outputs, --pages or --reuse."
)

ANY_LANGUAGE = "*"
SHARED_LANGUAGES = (
    "az",
    "ba",
    "be",
    "bg",
    "bs",
    "cs",
    "cv",
    "da",
    "de",
    "en",
    "es",
    "et",
    "fi",
    "fr",
    "hu",
    "id",
    "it",
    "kk",
    "ky",
    "lt",
    "lv",
    "mt",
    "nl",
    "no",
    "pl",
    "pt",
    "ro",
    "ru",
    "sah",
    "sk",
    "sl",
    "sr",
    "sv",
    "tg",
    "tr",
    "tt",
    "uz",
    "vi",
)
"""Latin and Cyrillic scripts: any of them can be combined."""

SINGLE_LANGUAGES = ("ar", "el", "he", "hy", "ja", "ka", "ko", "th", "zh")
"""Scripts of which only one may be in a request, beside Russian and English."""

MODELS = (
    "page",
    "page-column-sort",
    "handwritten",
    "table",
    "markdown",
    "math-markdown",
    "passport",
    "driver-license-front",
    "driver-license-back",
    "vehicle-registration-front",
    "vehicle-registration-back",
    "license-plates",
)
RUSSIAN_ENGLISH_MODELS = ("handwritten", "table")
EXPLICIT_LANGUAGE_MODELS = (*RUSSIAN_ENGLISH_MODELS, "license-plates")


def resolve(
    metadata: Mapping[str, str],
    languages: str,
    model: str,
    outputs: str = "",
    pages: str = page_ranges.ALL,
    requested: Mapping[str, str] | None = None,
    *,
    reuse: str = NO,
    allowed_models: str = "",
) -> Options:
    """The options of a document.

    A request takes precedence over the upload's metadata, and metadata over the other arguments, which are the stack's
    parameters; requested options go by the names of metadata. An option that a request names is used whatever the
    metadata says, as metadata cannot be changed without another upload. `allowed_models` are those that an upload may
    name ("": all); a request and the parameter may name any. Languages, outputs, pages and models are separated by
    spaces or commas. Raises InvalidOptions, which names what is allowed.
    """
    unknown = sorted(name for name in metadata if name.startswith(PREFIX) and name not in NAMES)
    if unknown and not requested:
        allowed = f"Options are {', '.join(NAMES)}."
        raise InvalidOptions(f"The metadata {_quoted(unknown)} is not an option.", f"{allowed} {RETRY}", allowed)
    uploaded = metadata
    metadata = {**metadata, **(requested or {})}
    chosen_languages = metadata.get(LANGUAGES, languages)
    chosen_model = metadata.get(MODEL, model).strip().lower()
    codes = _words(chosen_languages)
    try:
        _check_model(chosen_model)
        if MODEL in uploaded and MODEL not in (requested or {}):
            _check_allowed(chosen_model, _words(allowed_models))
        _check_languages(codes)
        _check_together(codes, chosen_model)
        chosen_outputs = _outputs(_words(metadata.get(OUTPUTS, outputs)))
        chosen_pages = page_ranges.canonical(_words(metadata.get(PAGES, pages)))
        reuses = _reuse(metadata.get(REUSE, reuse).strip().lower())
    except InvalidOptions as refusal:
        if any(name in metadata for name in NAMES):
            raise InvalidOptions(refusal.what, f"{refusal.advice} {RETRY}", refusal.advice) from None
        where = "correct the stack's parameters Languages, Model, Outputs, Pages and Reuse"
        raise InvalidOptions(
            refusal.what,
            f"The upload names no options: {where}, then retry the document (textdrop retry). {refusal.advice}",
        ) from None

    def come_from(name: str) -> OptionFrom:
        return "request" if name in (requested or {}) else "metadata" if name in metadata else "parameter"

    return Options(
        languages=codes,
        model=chosen_model,
        languages_from=come_from(LANGUAGES),
        model_from=come_from(MODEL),
        outputs=chosen_outputs,
        outputs_from=come_from(OUTPUTS),
        pages=chosen_pages,
        pages_from=come_from(PAGES),
        reuse=reuses,
        reuse_from=come_from(REUSE),
    )


def _words(text: str) -> tuple[str, ...]:
    """The different words of a list, in order."""
    return tuple(dict.fromkeys(word for word in re.split(r"[\s,]+", text.strip().lower()) if word))


def _outputs(words: tuple[str, ...]) -> tuple[Output, ...]:
    known = [str(output) for output in Output]
    advice = f'Allowed for {OUTPUTS}: {" ".join(known)} (separated by spaces or commas), or "{NO_OUTPUTS}" alone.'
    if words == (NO_OUTPUTS,):
        return ()
    unknown = [word for word in words if word not in known]
    if unknown:
        raise InvalidOptions(f"The output {_quoted(unknown)} is not known.", advice)
    return tuple(output for output in Output if output in words)


def _check_model(model: str) -> None:
    if model not in MODELS:
        raise InvalidOptions(
            f"The model {_quoted([model])} is not known.",
            f"Allowed for {MODEL}: {', '.join(MODELS)}.",
        )


def _check_allowed(model: str, allowed: tuple[str, ...]) -> None:
    if allowed and model not in allowed:
        raise InvalidOptions(
            f"The model {_quoted([model])} may not be chosen here.",
            f"Uploads may name {', '.join(allowed)} (the stack's parameter AllowedModels).",
        )


def _reuse(word: str) -> bool:
    if word not in (YES, NO):
        raise InvalidOptions(f"{_quoted([word])} is neither yes nor no.", f"Allowed for {REUSE}: {YES} or {NO}.")
    return word == YES


def _check_languages(codes: tuple[str, ...]) -> None:
    allowed = (ANY_LANGUAGE, *SHARED_LANGUAGES, *SINGLE_LANGUAGES)
    advice = f'Allowed for {LANGUAGES}: {" ".join(allowed)} (separated by spaces or commas; "*" detects the languages).'
    unknown = [code for code in codes if code not in allowed]
    if unknown:
        raise InvalidOptions(f"The language {_quoted(unknown)} is not known.", advice)
    if not codes:
        raise InvalidOptions("No language is named.", advice)
    if ANY_LANGUAGE in codes and len(codes) > 1:
        raise InvalidOptions(
            '"*" cannot be combined with other languages.',
            f'Name either "*" alone, or languages of: {" ".join(allowed[1:])}.',
        )
    single = [code for code in codes if code in SINGLE_LANGUAGES]
    beside = [code for code in codes if code in SHARED_LANGUAGES and code not in ("ru", "en")]
    if len(single) > 1 or (single and beside):
        raise InvalidOptions(
            f"The languages {_quoted(codes)} cannot be combined.",
            f"Of {' '.join(SINGLE_LANGUAGES)} only one may be named, beside ru and en alone.",
        )


def _check_together(codes: tuple[str, ...], model: str) -> None:
    if model in RUSSIAN_ENGLISH_MODELS and not set(codes) <= {"ru", "en"}:
        raise InvalidOptions(
            f'The model "{model}" reads only ru and en.',
            f"Set {LANGUAGES} to ru, en or both.",
        )
    if model in EXPLICIT_LANGUAGE_MODELS and ANY_LANGUAGE in codes:
        raise InvalidOptions(
            f'The model "{model}" does not take "*".',
            f"Name the languages of the text, of: {' '.join(SHARED_LANGUAGES + SINGLE_LANGUAGES)}.",
        )


def _quoted(values: tuple[str, ...] | list[str]) -> str:
    # Metadata is the uploader's: bounded, so that an error stays readable.
    return ", ".join(f'"{value[:40]}"' for value in values[:5])
