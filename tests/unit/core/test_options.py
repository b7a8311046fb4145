"""How a document is to be recognised: metadata before parameters, and a wrong choice named with what is allowed."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textdrop.core import options
from textdrop.core.documents import Options, Output
from textdrop.core.errors import InvalidOptions

LANGUAGES = (options.ANY_LANGUAGE, *options.SHARED_LANGUAGES, *options.SINGLE_LANGUAGES)


def resolved(languages: str | None = None, model: str | None = None) -> Options:
    """What metadata with these values comes to, beside the default parameters."""
    given_values = {"ocr-languages": languages, "ocr-model": model}
    metadata = {name: value for name, value in given_values.items() if value is not None}
    return options.resolve(metadata, "ru en", "page")


def refused(metadata: Mapping[str, str], languages: str = "ru en", model: str = "page") -> InvalidOptions:
    with pytest.raises(InvalidOptions) as raised:
        options.resolve(metadata, languages, model)
    return raised.value


# --- what is allowed --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", options.SINGLE_LANGUAGES)
def test_a_language_of_its_own_script_goes_with_russian_and_english(language: str) -> None:
    assert resolved(f"{language} ru en").languages == (language, "ru", "en")


@pytest.mark.parametrize("model", sorted(set(options.MODELS) - {"handwritten", "table", "license-plates"}))
def test_a_model_that_detects_takes_any_language(model: str) -> None:
    assert resolved("*", model).languages == ("*",)


@pytest.mark.parametrize("model", ["table", " Table ", "TABLE"])
def test_case_and_blanks_of_a_model_do_not_count(model: str) -> None:
    assert resolved(model=model).model == "table"


# --- where it comes from ----------------------------------------------------------------------------------------------


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
def test_metadata_goes_before_parameters_each_by_itself(metadata: dict[str, str], expected: Options) -> None:
    assert options.resolve(metadata, "ru en", "page") == expected


# --- what is refused --------------------------------------------------------------------------------------------------


def test_an_unknown_model_is_told_the_models() -> None:
    refusal = refused({"ocr-model": "paige"})
    assert '"paige"' in refusal.what
    assert refusal.advice == f"Allowed for ocr-model: {', '.join(options.MODELS)}."


@pytest.mark.parametrize(
    ("languages", "what"),
    [
        ("ru klingon", 'The language "klingon" is not known.'),
        ("xx yy", 'The language "xx", "yy" is not known.'),
        ("", "No language is named."),
        (" , ", "No language is named."),
        ("* ru", '"*" stands beside other languages.'),
        ("ru-RU", 'The language "ru-ru" is not known.'),
    ],
)
def test_a_wrong_language_is_told_the_languages(languages: str, what: str) -> None:
    refusal = refused({"ocr-languages": languages})
    assert refusal.what == what
    assert set(LANGUAGES) - {"*"} <= set(refusal.advice.replace(".", " ").split())
    assert '"*"' in refusal.advice


@pytest.mark.parametrize("languages", ["zh ja", "zh de", "ar ru en fr", "el he ru"])
def test_languages_that_cannot_be_combined_are_refused(languages: str) -> None:
    refusal = refused({"ocr-languages": languages})
    assert "cannot be combined" in refusal.what
    assert {*options.SINGLE_LANGUAGES, "ru", "en"} <= set(refusal.advice.split())


@pytest.mark.parametrize("model", ["handwritten", "table"])
@pytest.mark.parametrize("languages", ["*", "de", "ru en fr", "zh"])
def test_a_model_for_russian_and_english_says_so(model: str, languages: str) -> None:
    refusal = refused({"ocr-languages": languages, "ocr-model": model})
    assert refusal.what == f'The model "{model}" reads only ru and en.'
    assert refusal.advice == "Set ocr-languages to ru, en or both."


def test_a_model_that_does_not_detect_is_told_the_languages() -> None:
    refusal = refused({"ocr-languages": "*", "ocr-model": "license-plates"})
    assert refusal.what == 'The model "license-plates" does not take "*".'
    assert set(LANGUAGES) - {"*"} <= set(refusal.advice.rstrip(".").split())


def test_metadata_that_looks_like_an_option_is_told_the_options() -> None:
    refusal = refused({"ocr-language": "ru", "ocr-lang": "ru", "owner": "anna"})
    assert '"ocr-lang", "ocr-language"' in refusal.what
    assert refusal.advice == "Options are ocr-languages, ocr-model, ocr-outputs."


def test_a_wrong_parameter_is_told_as_metadata_is() -> None:
    assert refused({}, languages="xx").what == 'The language "xx" is not known.'
    assert refused({}, model="x").what == 'The model "x" is not known.'


# --- any text ---------------------------------------------------------------------------------------------------------

CHOSEN_LANGUAGES = st.lists(st.sampled_from([*LANGUAGES, "xx", ","]), max_size=4).map(" ".join) | st.text()
CHOSEN_MODELS = st.sampled_from([*options.MODELS, "PAGE", ""]) | st.text()
NAMES = st.sampled_from(["ocr-languages", "ocr-model", "ocr-model ", "owner"]) | st.text()


def resolved_or_refused(metadata: Mapping[str, str], languages: str, model: str) -> Options | InvalidOptions:
    try:
        return options.resolve(metadata, languages, model)
    except InvalidOptions as refusal:
        return refusal


@given(
    metadata=st.dictionaries(NAMES, CHOSEN_LANGUAGES | CHOSEN_MODELS, max_size=4),
    languages=CHOSEN_LANGUAGES,
    model=CHOSEN_MODELS,
)
def test_any_text_is_resolved_or_refused(metadata: dict[str, str], languages: str, model: str) -> None:
    chosen = resolved_or_refused(metadata, languages, model)
    if isinstance(chosen, InvalidOptions):
        assert chosen.what
        assert chosen.advice
        return
    assert chosen.model in options.MODELS
    assert chosen.languages
    assert set(chosen.languages) <= set(LANGUAGES)
    assert len(set(chosen.languages)) == len(chosen.languages)
    assert chosen.languages == ("*",) or "*" not in chosen.languages
    assert chosen.model not in ("handwritten", "table") or set(chosen.languages) <= {"ru", "en"}
    assert len(set(chosen.languages) & set(options.SINGLE_LANGUAGES)) <= 1


def test_wrong_parameters_of_the_stack_are_named_as_such() -> None:
    with pytest.raises(InvalidOptions) as raised:
        options.resolve({}, "de", "handwritten")
    assert "parameters Languages and Model" in raised.value.advice
    with pytest.raises(InvalidOptions) as raised:
        options.resolve({"ocr-model": "handwritten"}, "de", "page")
    assert "parameters" not in raised.value.advice


def test_of_wrong_values_the_first_five_are_named_and_of_each_forty_characters() -> None:
    codes = [letter * 45 for letter in "abcdef"]
    what = refused({"ocr-languages": " ".join(codes)}).what
    assert what == "The language " + ", ".join(f'"{letter * 40}"' for letter in "abcde") + " is not known."


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


@pytest.mark.parametrize("asked", ["docx", "none tables", "markdown, html"])
def test_an_unknown_output_is_told_the_outputs(asked: str) -> None:
    refusal = refused({"ocr-outputs": asked})
    assert refusal.what.startswith('The output "')
    assert refusal.advice == (
        'Allowed for ocr-outputs: markdown tables searchable-pdf (separated by spaces or commas), or "none" alone.'
    )
