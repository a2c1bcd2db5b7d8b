"""Values that a person gives, checked against a record; messages say what was expected.

The same words describe a field in listings: its range and its choices.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from annotated_types import Ge, GroupedMetadata, Gt, Le, Lt, MultipleOf
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from alcseg.errors import ConfigError
from alcseg.words import nearest

__all__ = ["as_lists", "check", "choices", "limits"]

M = TypeVar("M", bound=BaseModel)

_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text", dict: "keys"}


def check(schema: type[M], values: Mapping[str, Any], where: str, prefix: str = "") -> M:
    """Make a record of values; nothing is converted but lists to tuples and whole numbers to others.

    Args:
        schema: The record.
        values: Of its fields; the others keep their defaults.
        where: Names the place in messages.
        prefix: Put before a key in messages.

    Raises:
        ConfigError: On an unknown key, with the nearest one, or a value that is not allowed.
    """
    known = schema.model_fields
    for key in values:
        if key not in known and schema.model_config.get("extra") != "allow":
            near = nearest(key, known)
            hint = f"did you mean '{prefix}{near}'?" if near else f"known keys: {', '.join(known)}."
            raise ConfigError(f"unknown key '{prefix}{key}' for {where}; {hint}")
    try:
        return schema.model_validate({key: _tuples(value) for key, value in values.items()}, strict=True)
    except ValidationError as error:
        raise _refusal(error, known, values, prefix) from None


def limits(field: FieldInfo) -> str:
    """The range of a field, or of each of its parts; empty where it has none."""
    ranges = (_range(metadata) for _, metadata in _parts(field.annotation, field.metadata))
    return next(filter(None, ranges), "")


def choices(field: FieldInfo) -> tuple[str, ...]:
    """The words that a field takes; empty where any value of the type will do."""
    words = (get_args(kind) for kind, _ in _parts(field.annotation, ()) if get_origin(kind) is Literal)
    return tuple(map(str, next(words, ())))


def _refusal(
    error: ValidationError, fields: Mapping[str, FieldInfo], values: Mapping[str, Any], prefix: str
) -> ConfigError:
    """What pydantic found wrong first, as a line that says what was expected.

    A `ValueError` of a validator is the rest of that line, or all of it where it is of no single field.
    """
    first = error.errors(include_url=False)[0]
    own = str(first["ctx"]["error"]) if first["type"] == "value_error" else ""
    if not first["loc"]:
        return ConfigError(f"{prefix}{own or first['msg']}")
    name = str(first["loc"][0])
    field = fields[name]
    wanted = own or f"expected {_words(field.annotation, field.metadata)}"
    return ConfigError(f"{prefix}{name}: {wanted}, got {_shown(values.get(name))}.")


def as_lists(value: Any) -> Any:
    """Tuples as lists, all the way down, as a person writes them."""
    if isinstance(value, Mapping):
        return {key: as_lists(item) for key, item in value.items()}
    return [as_lists(item) for item in value] if isinstance(value, list | tuple) else value


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value


def _words(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _words(arguments[0], arguments[1:])
    if origin in (Union, UnionType):
        named = [_words(kind) for kind in arguments if kind is not type(None)]
        return ", or ".join([*named, "null"] if type(None) in arguments else named)
    if origin is Literal:
        return f"one of {', '.join(map(str, arguments))}" if len(arguments) > 1 else f"'{arguments[0]}'"
    if origin is tuple:
        count = "" if arguments[-1] is Ellipsis else f"{len(arguments)} "
        return f"{count}values in brackets, each {_words(arguments[0])}"
    kind = _KINDS.get(origin or annotation, str(getattr(annotation, "__name__", annotation)))
    return ", ".join(filter(None, (kind, _range(metadata))))


def _range(metadata: Iterable[Any]) -> str:
    """`0 to 1`, `at least 1`, `above 0 and up to 1`, `at least 0 and below 1` or `a multiple of 8`."""
    marks = [one for mark in metadata for one in (mark if isinstance(mark, GroupedMetadata) else [mark])]
    low = next((f"{_number(mark.ge)}" for mark in marks if isinstance(mark, Ge)), None)
    above = next((f"above {_number(mark.gt)}" for mark in marks if isinstance(mark, Gt)), None)
    high = next((f"{_number(mark.le)}" for mark in marks if isinstance(mark, Le)), None)
    below = next((f"below {_number(mark.lt)}" for mark in marks if isinstance(mark, Lt)), None)
    factor = next(
        (f"a multiple of {mark.multiple_of}" for mark in marks if isinstance(mark, MultipleOf)), None
    )
    if factor:
        return ", ".join(filter(None, (f"{low} to {high}" if low and high else "", factor)))
    if low and high:
        return f"{low} to {high}"
    least = low and f"at least {low}"
    return " and ".join(text for text in (least, above, high and f"up to {high}", below) if text)


def _number(limit: Any) -> str:
    return str(limit) if isinstance(limit, int) else f"{limit:g}"


def _parts(annotation: Any, metadata: Iterable[Any]) -> Iterator[tuple[Any, Iterable[Any]]]:
    """An annotation and those that stand in it, each with what marks it."""
    if get_origin(annotation) is Annotated:
        inner, *marks = get_args(annotation)
        yield from _parts(inner, marks)
        return
    yield annotation, metadata
    if get_origin(annotation) in (Union, UnionType, tuple):
        for part in get_args(annotation):
            yield from _parts(part, ())


def _shown(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else str(as_lists(value))
