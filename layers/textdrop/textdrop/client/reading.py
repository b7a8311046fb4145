"""From JSON to frozen dataclasses and back, by the types of their fields.

Fields that a class does not have are ignored, as later versions may add some. A field has the same name in JSON as in
Python, unless its metadata say otherwise (`named`).
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, field, fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from textdrop.client.errors import NotReadable

T = TypeVar("T")
_UPDATE = "Use the client of the stack's own version."


def named(name: str) -> Any:
    """A field with another name in JSON."""
    return field(metadata={"json": name})


def not_json() -> Any:
    """A field, None by default, that is not in JSON and is ignored in comparisons."""
    return field(default=None, repr=False, compare=False, metadata={"json": ""})


def read(cls: type[T], value: Any) -> T:
    """The value as an instance of the class. Raises NotReadable, which names the field that is missing or wrong."""
    kind: Any = cls
    made: T = _reader(kind)(value, cls.__name__.lower())
    return made


def check_schema(value: Any, name: str, version: int) -> None:
    """Raises NotReadable unless the JSON object is of this format and version."""
    schema = value.get("schema") if isinstance(value, Mapping) else None
    if schema != f"textdrop.{name}/{version}":
        said = f'of schema "{str(schema)[:60]}"' if schema else "without a schema"
        raise NotReadable(f"This {name} is {said}; this client reads textdrop.{name}/{version}.", _UPDATE)


def written(value: Any) -> Any:
    """The value as JSON, which `read` accepts."""
    if is_dataclass(value) and not isinstance(value, type):
        named = {_name(each): written(getattr(value, each.name)) for each in fields(value)}
        return {name: one for name, one in named.items() if name}
    if isinstance(value, Mapping):
        return {name: written(one) for name, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [written(one) for one in value]
    return time_text(value) if isinstance(value, datetime) else value


def time_text(at: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond. A time without a zone is the shell's."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Reader = Callable[[Any, str], Any]


@cache
def _reader(kind: Any) -> Reader:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        [inner] = [_reader(each) for each in arguments if each is not type(None)]
        return lambda value, where: None if value is None else inner(value, where)
    if origin is tuple:
        return _tuple_reader(_reader(arguments[0]))
    if origin in (dict, Mapping):
        return _mapping_reader(_reader(arguments[1]))
    if is_dataclass(kind):
        return _object_reader(kind)
    if kind is Any:
        return lambda value, where: value
    return _time if kind is datetime else _plain_reader(kind)


def _tuple_reader(inner: Reader) -> Reader:
    def reader(value: Any, where: str) -> Any:
        return tuple(inner(each, where) for each in _expected(value, list, "list", where))

    return reader


def _mapping_reader(inner: Reader) -> Reader:
    def reader(value: Any, where: str) -> Any:
        found = _expected(value, Mapping, "object", where)
        return {name: inner(each, f"{where}.{name}") for name, each in found.items()}

    return reader


def _object_reader(cls: Any) -> Reader:
    hints = get_type_hints(cls)
    known = [(each, _name(each), _reader(hints[each.name])) for each in fields(cls) if _name(each)]

    def reader(value: Any, where: str) -> Any:
        found = _expected(value, Mapping, "object", where)
        given = {}
        for each, name, inner in known:
            if name in found:
                given[each.name] = inner(found[name], f"{where}.{name}")
            elif each.default is MISSING and each.default_factory is MISSING:
                raise NotReadable(f"The field {where}.{name} is missing.", _UPDATE)
        return cls(**given)

    return reader


def _plain_reader(kind: Any) -> Reader:
    # True is an int in Python, but not in JSON; 1 may mean 1.0.
    kinds = (int, float) if kind is float else (kind,)
    words = {str: "text", int: "whole number", float: "number", bool: "true or false"}

    def reader(value: Any, where: str) -> Any:
        if not isinstance(value, kinds) or (isinstance(value, bool) and kind is not bool):
            raise NotReadable(f"The field {where} is not a {words[kind]}.", _UPDATE)
        return value

    return reader


def _time(value: Any, where: str) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise NotReadable(f"The field {where} is not a time.", _UPDATE) from None


def _expected(value: Any, kind: Any, word: str, where: str) -> Any:
    if not isinstance(value, kind):
        raise NotReadable(f"The field {where} is not a JSON {word}.", _UPDATE)
    return value


def _name(each: Field[Any]) -> str:
    return str(each.metadata.get("json", each.name))
