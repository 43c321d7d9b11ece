"""What a function or a setting is, in words that are the same for it in every process and Python version."""

from __future__ import annotations

import ast
import collections
import dataclasses
import enum
import functools
import hashlib
import inspect
import weakref
from collections.abc import Iterator, Mapping, Set
from numbers import Integral, Number, Real
from pathlib import PurePath
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

Seen = dict[int, tuple[Any, str]]
"""By id, what was described and its words, "..." while that is under way; it is kept, so that no other gets its id."""

OPAQUE = frozenset({"tensorflow", "keras", "numpy", "logging", "threading"})
"""Packages whose functions are known by name and whose objects by type: they are huge, or change as a program runs."""

LONG = 400
"""Characters of an object's attributes beyond which a hash stands for them."""

UNLIKE = frozenset({"annotation", "returns", "type_params", "type_comment", "kind"})
"""Fields of a syntax tree that change nothing of what a function does."""


def described(value: Any) -> str:
    """A function with its code and all that it closes over, or a setting.

    Of networks and variables it is the type alone, as their values change in training; of functions that are called
    by their global name, nothing.
    """
    return _described(value, {})


def _described(value: Any, seen: Seen) -> str:
    if id(value) not in seen:
        seen[id(value)] = value, "..."
        plain = _setting(value, functools.partial(_described, seen=seen))
        seen[id(value)] = value, _code_or_object(value, seen) if plain is None else plain
    return seen[id(value)][1]


def _setting(value: Any, inner: functools.partial[str]) -> str | None:
    """A number, text, container or array; None for all else."""
    match value:
        case enum.Enum():
            return f"{type(value).__qualname__}.{value.name}"
        case bool() | np.bool_():
            return repr(bool(value))
        case Integral() if abs(int(value)) > 2**53:  # not every one of these is a float
            return repr(int(value))
        case Real():
            return repr(float(value))
        case str() | PurePath():
            return repr(str(value))
        case None | bytes() | range() | np.dtype() | tf.DType() | Number():
            return repr(value)
        case list() | tuple() | collections.deque():
            return f"({', '.join(map(inner, value))})"
        case Mapping():
            return f"{{{', '.join(sorted(f'{inner(key)}: {inner(part)}' for key, part in value.items()))}}}"
        case Set():
            return f"{{{', '.join(sorted(map(inner, value)))}}}"
        case np.ndarray() if value.dtype.hasobject:
            return f"array({value.shape}, {inner(value.tolist())})"
        case np.ndarray() | np.generic():
            return f"array({value.dtype}, {value.shape}, {_hash(np.ascontiguousarray(value).tobytes())})"
        case tf.Tensor() if hasattr(value, "numpy"):
            return inner(value.numpy())
    return None


def _code_or_object(value: Any, seen: Seen) -> str:
    inner = functools.partial(_described, seen=seen)
    match value:
        case functools.partial():
            return f"partial({', '.join(map(inner, [value.func, *value.args]))}; {_named(value.keywords, seen)})"
        case tf.types.experimental.PolymorphicFunction():
            return f"tf.function({inner(value.python_function)})"
        case MethodType():
            return f"{inner(value.__self__)}.{inner(value.__func__)}"
        case weakref.ref():
            return inner(value())
        case ModuleType():
            return value.__name__
        case type() | BuiltinFunctionType() | np.ufunc():
            return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', value.__name__)}"
        case FunctionType():
            code = "" if _is_opaque(value.__module__) else f" {_digest(value)}"
            return f"{value.__module__}.{value.__qualname__}({_named(_settings_of(value), seen)}){code}"
    attributes = _named(_attributes(value), seen)
    # Of its class itself: the `__call__` of Keras's layers is not what they do.
    called = vars(type(value)).get("__call__")
    return (
        f"{type(value).__qualname__}({attributes if len(attributes) <= LONG else _hash(attributes.encode())})"
        + (f" {inner(called)}" if isinstance(called, FunctionType) else "")
    )


def _named(parts: Mapping[str, Any], seen: Seen) -> str:
    return ", ".join(f"{name}={_described(part, seen)}" for name, part in sorted(parts.items()))


def _is_opaque(module: str | None) -> bool:
    return (module or "").partition(".")[0] in OPAQUE


def _attributes(value: Any) -> dict[str, Any]:
    if isinstance(value, (keras.Model, tf.Module)):
        return {}
    if isinstance(value, (keras.Layer, keras.optimizers.Optimizer)):
        try:
            # Keras counts the names on through a process.
            return {name: part for name, part in value.get_config().items() if name != "name"}
        except NotImplementedError:
            return {}
    is_known = isinstance(value, keras.losses.Loss) or not _is_opaque(type(value).__module__)
    attributes = dict(getattr(value, "__dict__", {})) if is_known else {}
    if dataclasses.is_dataclass(value):  # they may have slots
        attributes |= {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return attributes


def _settings_of(function: FunctionType) -> dict[str, Any]:
    """What a function closes over, its default arguments, and numbers and texts that it takes from its module."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    known = {f"global {name}": function.__globals__.get(name) for name in _names(function.__code__)}
    return {
        **{name: _content(cell) for name, cell in cells},
        **({"defaults": function.__defaults__} if function.__defaults__ else {}),
        **({"keyword defaults": function.__kwdefaults__} if function.__kwdefaults__ else {}),
        **{name: value for name, value in known.items() if isinstance(value, (Number, str)) and "__" not in name},
    }


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # its name has no value yet
        return "empty"


def _digest(function: FunctionType) -> str:
    """Of what a function does: its source without comments, docstrings and annotations, or what its code names."""
    code = function.__code__
    node = _source_of(code)
    if node is not None:
        return _hash("".join(_written(node)).encode())
    # No bytecode, which differs between versions of Python.
    constants = {described(constant) for constant in _constants(code)} - {repr(function.__doc__)}
    return _hash(repr((sorted(_names(code)), sorted(constants))).encode())


def _source_of(code: CodeType) -> ast.AST | None:
    """The function or lambda in the source file; None where that is not there."""
    try:
        tree = ast.parse("".join(inspect.findsource(code)[0]))
    except (OSError, TypeError, SyntaxError, IndexError):
        return None
    found = [node for node in ast.walk(tree) if _begins_at(node, code.co_firstlineno)]
    if code.co_name != "<lambda>":
        named = [node for node in found if getattr(node, "name", None) == code.co_name]
        return named[0] if len(named) == 1 else None
    # Several can be in one line: it is the smallest whose body holds all of the code.
    places = [place for place in code.co_positions() if None not in place and place[3]]
    bodies = [node.body for node in found if isinstance(node, ast.Lambda)]
    holding = [
        body
        for body in bodies
        if places
        and all((body.lineno, body.col_offset) <= (first, left) for first, _, left, _ in places)
        and all((last, right) <= (body.end_lineno, body.end_col_offset) for _, last, _, right in places)
    ]
    return min(holding, key=lambda body: len(list(ast.walk(body))), default=None)


def _begins_at(node: ast.AST, line: int) -> bool:
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return False
    return min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))]) == line


def _written(node: Any) -> Iterator[str]:
    """A syntax tree as text; whether `ast.dump` writes empty fields depends on the version of Python."""
    if isinstance(node, list):
        for item in node:
            if not (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant)):
                yield from _written(item)
                yield ","
    elif isinstance(node, ast.AST):
        yield f"{type(node).__name__}("
        for name, part in ast.iter_fields(node):
            if name not in UNLIKE and part != [] and (part is not None or isinstance(node, ast.Constant)):
                yield f"{name}="
                yield from _written(part)
                yield ";"
        yield ")"
    else:
        yield repr(node)


def _names(code: CodeType) -> set[str]:
    return set(code.co_names).union(*(_names(inner) for inner in code.co_consts if isinstance(inner, CodeType)))


def _constants(code: CodeType) -> Iterator[Any]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _constants(constant)
        elif constant is not None:
            yield constant


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:10]
