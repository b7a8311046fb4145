"""How a document is to be recognised: metadata before parameters, and a wrong choice named with what is allowed."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textdrop.core import options
from textdrop.core.documents import Options, Output
from textdrop.core.errors import InvalidOptions

LANGUAGES = (options.ANY_LANGUAGE, *options.SHARED_LANGUAGES, *options.SINGLE_LANGUAGES)


def resolved(**metadata: str) -> Options:
    """What metadata of these options comes to, beside the default parameters."""
    return options.resolve({f"ocr-{name}": value for name, value in metadata.items()}, "ru en", "page")


def refused(metadata: Mapping[str, str], languages: str = "ru en", model: str = "page") -> InvalidOptions:
    with pytest.raises(InvalidOptions) as raised:
        options.resolve(metadata, languages, model)
    return raised.value


# --- what is allowed --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", options.SINGLE_LANGUAGES)
def test_a_language_of_its_own_script_stands_beside_russian_and_english(language: str) -> None:
    assert resolved(languages=f"{language} ru en").languages == (language, "ru", "en")


@pytest.mark.parametrize("model", sorted(set(options.MODELS) - {"handwritten", "table", "license-plates"}))
def test_a_model_that_detects_takes_any_language(model: str) -> None:
    assert resolved(languages="*", model=model).languages == ("*",)


@pytest.mark.parametrize("model", ["table", " Table ", "TABLE"])
def test_case_and_blanks_of_a_model_do_not_count(model: str) -> None:
    assert resolved(model=model).model == "table"


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, Options(("ru", "en"), "page", "parameter", "parameter")),
        ({"ocr-languages": "de"}, Options(("de",), "page", "metadata", "parameter")),
        ({"ocr-model": "markdown"}, Options(("ru", "en"), "markdown", "parameter", "metadata")),
        ({"ocr-languages": "*", "ocr-model": "page"}, Options(("*",), "page", "metadata", "metadata")),
        ({"owner": "anna", "ocrlanguages": "xx"}, Options(("ru", "en"), "page", "parameter", "parameter")),
    ],
)
def test_metadata_precedes_parameters_each_by_itself(metadata: dict[str, str], expected: Options) -> None:
    assert options.resolve(metadata, "ru en", "page") == expected


def test_what_a_request_asks_for_precedes_both_and_metadata_that_is_no_option_does_not_hinder_it() -> None:
    metadata = {"ocr-languages": "de", "ocr-model": "x", "ocr-lang": "ru"}
    chosen = options.resolve(
        metadata, "ru en", "page", "markdown", "all", {"ocr-model": "table", "ocr-languages": "ru"}
    )
    assert chosen == Options(
        ("ru",), "table", "request", "request", (Output.MARKDOWN,), outputs_from="parameter", pages_from="parameter"
    )


# --- what is refused --------------------------------------------------------------------------------------------------

ALL_LANGUAGES = set(LANGUAGES) - {"*"}
UNKNOWN = [letter * 45 for letter in "abcdef"]


@pytest.mark.parametrize(
    ("metadata", "what", "named"),
    [
        ({"model": "paige"}, 'The model "paige" is not known.', set(options.MODELS)),
        ({"languages": "ru klingon"}, 'The language "klingon" is not known.', {*ALL_LANGUAGES, '"*"'}),
        ({"languages": "xx yy"}, 'The language "xx", "yy" is not known.', {*ALL_LANGUAGES, '"*"'}),
        ({"languages": ""}, "No language is named.", {*ALL_LANGUAGES, '"*"'}),
        ({"languages": " , "}, "No language is named.", {*ALL_LANGUAGES, '"*"'}),
        ({"languages": "* ru"}, '"*" cannot be combined with other languages.', {*ALL_LANGUAGES, '"*"'}),
        ({"languages": "ru-RU"}, 'The language "ru-ru" is not known.', {*ALL_LANGUAGES, '"*"'}),
        (  # the first five, and forty characters of each
            {"languages": " ".join(UNKNOWN)},
            "The language " + ", ".join(f'"{code[:40]}"' for code in UNKNOWN[:5]) + " is not known.",
            {*ALL_LANGUAGES, '"*"'},
        ),
        *(
            ({"languages": languages}, "cannot be combined", {*options.SINGLE_LANGUAGES, "ru", "en"})
            for languages in ("zh ja", "zh de", "ar ru en fr", "el he ru")
        ),
        *(
            ({"languages": languages, "model": model}, f'The model "{model}" reads only ru and en.', {"ru", "en"})
            for model in ("handwritten", "table")
            for languages in ("*", "de", "ru en fr", "zh")
        ),
        (
            {"languages": "*", "model": "license-plates"},
            'The model "license-plates" does not take "*".',
            ALL_LANGUAGES,
        ),
        (
            {"language": "ru", "lang": "ru"},
            '"ocr-lang", "ocr-language"',
            {"ocr-languages", "ocr-model", "ocr-outputs", "ocr-pages", "ocr-reuse"},
        ),
        *(
            ({"outputs": outputs}, 'The output "', {"markdown", "tables", "searchable-pdf", '"none"'})
            for outputs in ("docx", "none tables", "markdown, html")
        ),
        *(
            (
                {"pages": pages},
                "Not a page or a range of pages: ",
                {"ocr-pages", '"all"', '"without-text"', "1-3", "5-"},
            )
            for pages in ("without-texts", "0", "3-1", "-3", "1 - 3", "1..3", "1;3", "all-", "1234567890", "²", "1-3-5")
        ),
        ({"pages": "2,x,0"}, 'Not a page or a range of pages: "x", "0".', {"ocr-pages"}),
        ({"pages": " ,"}, "No page is named.", {"ocr-pages"}),
    ],
)
def test_a_wrong_choice_is_named_with_what_is_allowed(metadata: dict[str, str], what: str, named: set[str]) -> None:
    refusal = refused({"owner": "anna", **{f"ocr-{name}": value for name, value in metadata.items()}})
    assert what in refusal.what
    assert not what.endswith(".") or what == refusal.what
    assert named <= set(re.findall(r'[\w"*-]+', refusal.advice))


@pytest.mark.parametrize(
    ("metadata", "languages", "model", "what"),
    [
        ({}, "xx", "page", 'The language "xx" is not known.'),
        ({}, "ru en", "x", 'The model "x" is not known.'),
        ({}, "de", "handwritten", 'The model "handwritten" reads only ru and en.'),
        ({"ocr-model": "handwritten"}, "de", "page", 'The model "handwritten" reads only ru and en.'),
    ],
)
def test_wrong_parameters_of_the_stack_are_named_as_such(
    metadata: dict[str, str], languages: str, model: str, what: str
) -> None:
    refusal = refused(metadata, languages, model)
    assert refusal.what == what
    assert ("parameters Languages, Model, Outputs, Pages and Reuse" in refusal.advice) == (not metadata)


# --- any text ---------------------------------------------------------------------------------------------------------

CHOSEN_LANGUAGES = st.lists(st.sampled_from([*LANGUAGES, "xx", ","]), max_size=4).map(" ".join) | st.text()
CHOSEN_MODELS = st.sampled_from([*options.MODELS, "PAGE", ""]) | st.text()
NAMES = st.sampled_from(["ocr-languages", "ocr-model", "ocr-model ", "owner"]) | st.text()


@given(
    metadata=st.dictionaries(NAMES, CHOSEN_LANGUAGES | CHOSEN_MODELS, max_size=4),
    languages=CHOSEN_LANGUAGES,
    model=CHOSEN_MODELS,
)
def test_any_text_is_resolved_or_refused(metadata: dict[str, str], languages: str, model: str) -> None:
    try:
        chosen = options.resolve(metadata, languages, model)
    except InvalidOptions as refusal:
        if not refusal.what or not refusal.advice:
            raise
        return
    assert chosen.model in options.MODELS
    assert chosen.languages
    assert set(chosen.languages) <= set(LANGUAGES)
    assert len(set(chosen.languages)) == len(chosen.languages)
    assert chosen.languages == ("*",) or "*" not in chosen.languages
    assert chosen.model not in ("handwritten", "table") or set(chosen.languages) <= {"ru", "en"}
    assert len(set(chosen.languages) & set(options.SINGLE_LANGUAGES)) <= 1


# --- outputs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metadata", "parameter", "outputs", "origin"),
    [
        ({}, "", (), "parameter"),
        ({}, "tables markdown", (Output.MARKDOWN, Output.TABLES), "parameter"),
        ({"ocr-outputs": " Searchable-PDF, markdown "}, "tables", (Output.MARKDOWN, Output.SEARCHABLE_PDF), "metadata"),
        ({"ocr-outputs": "none"}, "tables", (), "metadata"),
        ({"ocr-outputs": ""}, "tables", (), "metadata"),
    ],
)
def test_outputs_are_made_in_one_order(
    metadata: dict[str, str], parameter: str, outputs: tuple[Output, ...], origin: str
) -> None:
    chosen = options.resolve(metadata, "ru en", "page", parameter)
    assert (chosen.outputs, chosen.outputs_from) == (outputs, origin)


# --- pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metadata", "parameter", "pages", "origin"),
    [
        ({}, "all", "all", "parameter"),
        ({}, "2, 1", "1-2", "parameter"),
        ({"ocr-pages": " ALL "}, "1", "all", "metadata"),
        ({"ocr-pages": "7, 1-3"}, "all", "1-3,7", "metadata"),
    ],
)
def test_pages_are_written_in_one_way(metadata: dict[str, str], parameter: str, pages: str, origin: str) -> None:
    chosen = options.resolve(metadata, "ru en", "page", pages=parameter)
    assert (chosen.pages, chosen.pages_from) == (pages, origin)


def test_pages_without_text_stand_alone() -> None:
    assert resolved(pages=" Without-Text ").pages == "without-text"
    assert options.resolve({}, "ru en", "page", pages="without-text").pages == "without-text"
    assert refused({"ocr-pages": "without-text 3"}).what == 'Not a page or a range of pages: "without-text".'


# --- reuse ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metadata", "parameter", "requested", "reuse", "origin"),
    [
        ({}, "yes", {}, True, "parameter"),
        ({}, "no", {}, False, "parameter"),
        ({"ocr-reuse": " No "}, "yes", {}, False, "metadata"),
        ({"ocr-reuse": "YES"}, "no", {}, True, "metadata"),
        ({"ocr-reuse": "maybe"}, "yes", {"ocr-reuse": "no"}, False, "request"),
    ],
)
def test_reuse_is_yes_or_no(
    metadata: dict[str, str], parameter: str, requested: dict[str, str], reuse: bool, origin: str
) -> None:
    chosen = options.resolve(metadata, "ru en", "page", requested=requested, reuse=parameter)
    assert (chosen.reuse, chosen.reuse_from) == (reuse, origin)


@pytest.mark.parametrize("word", ["true", "", "yes no", "1"])
def test_reuse_is_nothing_else(word: str) -> None:
    refusal = refused({"ocr-reuse": word})
    assert refusal.what == f'"{word}" is neither yes nor no.'
    assert refusal.advice.startswith("Allowed for ocr-reuse: yes or no. Retry the document")


# --- models that an upload may name -----------------------------------------------------------------------------------


def test_an_upload_names_only_the_models_that_are_allowed() -> None:
    allowed = "Page, table"
    for named in ("table", " TABLE ", "page"):
        options.resolve({"ocr-model": named}, "ru en", "page", allowed_models=allowed)
    with pytest.raises(InvalidOptions) as raised:
        options.resolve({"ocr-model": "markdown"}, "ru en", "page", allowed_models=allowed)
    assert raised.value.what == 'The model "markdown" may not be chosen here.'
    assert raised.value.advice.startswith("Uploads may name page, table (the stack's parameter AllowedModels).")


@pytest.mark.parametrize(
    ("metadata", "requested"),
    [
        ({}, {}),
        ({"ocr-languages": "ru"}, {"ocr-languages": "en"}),
        ({}, {"ocr-model": "passport"}),
        ({"ocr-model": "markdown"}, {"ocr-model": "passport"}),  # it is not by the upload's word
    ],
)
def test_a_request_and_the_parameter_name_any_model(metadata: dict[str, str], requested: dict[str, str]) -> None:
    chosen = options.resolve(metadata, "ru en", "handwritten", requested=requested, allowed_models="page")
    assert chosen.model == requested.get("ocr-model", "handwritten")
