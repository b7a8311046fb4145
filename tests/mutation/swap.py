"""Puts a mutant into the running program by giving functions other code, where that is all that changes.

Nothing needs to be imported anew then, which is most of what a trial takes.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from types import CodeType, FunctionType

from mutation.mutants import Module, compiled

Functions = dict[CodeType, list[FunctionType]]


def functions_of(module: Module) -> Functions:
    """The functions that were made of a module's code when it was imported."""
    found: Functions = {}
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType) and thing.__code__.co_filename == str(module.path):
            found.setdefault(thing.__code__, []).append(thing)
    return found


def swapped(module: Module, text: str, functions: Functions) -> bool:
    """Whether the program now is as if the module's text had been this one; if not, it is as it was."""
    changes = list(_changes(compiled(module, module.text), compiled(module, text)))
    todo: list[tuple[FunctionType, CodeType]] = []
    for before, after in changes:
        live = functions.get(before, []) if before is not None else []
        if not live or after is None or any(len(after.co_freevars) != len(one.__code__.co_freevars) for one in live):
            return False
        todo += [(one, after) for one in live]
    for function, code in todo:
        function.__code__ = code
    return bool(todo)


def _changes(before: CodeType, after: CodeType) -> Iterator[tuple[CodeType | None, CodeType | None]]:
    """The outermost functions that differ. `None` stands for anything else that does."""
    if _without_inner(before) != _without_inner(after):
        yield None, None
        return
    for inner_before, inner_after in zip(_inner(before), _inner(after), strict=True):
        if inner_before == inner_after:
            continue
        if inner_before.co_flags & _IS_FUNCTION:
            yield inner_before, inner_after
        else:  # the body of a class
            yield from _changes(inner_before, inner_after)


_IS_FUNCTION = 0x2  # CO_NEWLOCALS; a class body has none


def _inner(code: CodeType) -> list[CodeType]:
    return [inner for inner in code.co_consts if isinstance(inner, CodeType)]


def _without_inner(code: CodeType) -> tuple[object, ...]:
    """A code object but for the code objects within it."""
    consts = tuple(repr(const) if not isinstance(const, CodeType) else "code" for const in code.co_consts)
    return code.co_code, consts, code.co_names, code.co_varnames, code.co_firstlineno
