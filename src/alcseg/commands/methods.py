"""`alcseg methods`: what there is to train with, and every setting of one method.

Methods and networks, and torch with them, are imported only where the list is not kept.
"""

import functools
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alcseg.commands._kept import kept
from alcseg.frames import to_frame
from alcseg.plugins import is_extended
from alcseg.records.base import meanings
from alcseg.records.checked import choices, limits
from alcseg.records.method_costs import MethodCosts

if TYPE_CHECKING:
    from pandas import DataFrame

    from alcseg.training_methods import Method

__all__ = ["MethodInfo", "MethodList", "Setting", "describe_method", "methods"]


@dataclass(frozen=True)
class Setting:
    """One setting, changed by `--set method.<name>=<value>`.

    Attributes:
        name: Of the setting.
        default: What it is where nothing is set.
        choices: All allowed words, empty where any value of the type is.
        range: Of a number, or of each of several; empty where any will do.
        fixed: The method is defined by this value.
        meaning: What it is.
    """

    name: str
    default: Any
    choices: tuple[str, ...]
    range: str
    fixed: bool
    meaning: str


@dataclass(frozen=True)
class MethodInfo:
    """A method as a reader wants to know it.

    Attributes:
        name: Word behind `--method`.
        distribution: Name and version of the package that registers it; None where it comes along.
        summary: One line.
        paper: Authors, venue and year.
        quality_aware: Whether it uses which labels are HQ.
        networks: Which are trained or averaged.
        predicts: Which of them answers at prediction.
        cost: Time of a training step, that of `hl_sup` being 1; None where it was not measured.
        streams: What a batch holds.
        terms: Names of its loss terms, as they are logged.
        readings: Names of what else is logged.
        description: The idea, the paper and the differences from it.
        settings: Everything that can be set.
    """

    name: str
    distribution: str | None
    summary: str
    paper: str
    quality_aware: bool
    networks: str
    predicts: str
    cost: float | None
    streams: tuple[str, ...]
    terms: tuple[str, ...]
    readings: tuple[str, ...]
    description: str
    settings: tuple[Setting, ...]


@dataclass(frozen=True)
class MethodList:
    """All methods, and the networks each of them can train.

    `found["alc"]` describes one, `for info in found` goes through all.

    Attributes:
        methods: In the order of their names.
        networks: Words behind `network.name`.
        measured: Date, commit, hardware, patch and batch behind the costs; empty where none was measured.
    """

    methods: tuple[MethodInfo, ...]
    networks: tuple[str, ...]
    measured: dict[str, Any]

    def __len__(self) -> int:
        return len(self.methods)

    def __iter__(self) -> Iterator[MethodInfo]:
        return iter(self.methods)

    def __getitem__(self, name: str) -> MethodInfo:
        return describe_method(name)

    def to_frame(self) -> "DataFrame":
        """A line per method; needs pandas."""
        columns = ("name", "paper", "quality_aware", "networks", "predicts", "cost", "summary")
        return to_frame({name: getattr(info, name) for name in columns} for info in self)


def methods() -> MethodList:
    """All methods; `methods()["alc"]` describes one."""
    if is_extended("alcseg.methods", "alcseg.networks"):  # what others install may change at any time
        return _list_methods()
    return kept("methods", MethodList, _list_methods)


def _list_methods() -> MethodList:
    from alcseg.networks import NETWORKS
    from alcseg.training_methods import METHODS

    listed = tuple(_describe(word, METHODS.origin(word), *found) for word, found in METHODS.items())
    return MethodList(listed, tuple(NETWORKS), _costs().measured.model_dump())


def describe_method(name: str) -> MethodInfo:
    """One method.

    Args:
        name: As `alcseg methods` lists it.

    Raises:
        ConfigError: If there is no such method; the nearest is named.
    """
    from alcseg.training_methods import METHODS

    return _describe(name, METHODS.origin(name), *METHODS[name])


def _describe(
    name: str, distribution: str | None, method: "type[Method]", fixed: dict[str, Any]
) -> MethodInfo:
    summary = _paragraphs(inspect.getdoc(method))[0]
    if fixed:
        summary += " With " + ", ".join(f"{key}={value}" for key, value in fixed.items()) + "."
    streams = method(**fixed).streams
    return MethodInfo(
        name=name,
        distribution=distribution,
        summary=summary,
        paper=method.card.paper,
        quality_aware="union" not in streams,
        networks=method.card.networks,
        predicts=method.card.predicts,
        cost=_costs().cost.get(name),
        streams=streams,
        terms=method.terms,
        readings=method.readings,
        description="\n\n".join(_paragraphs(inspect.getdoc(inspect.getmodule(method)))),
        settings=tuple(_settings(method, fixed)),
    )


def _settings(method: "type[Method]", fixed: dict[str, Any]) -> list[Setting]:
    said = meanings(method.settings_class)
    return [
        Setting(
            name=name,
            default=fixed.get(name, field.default),
            choices=choices(field),
            range=limits(field),
            fixed=name in fixed,
            meaning=" ".join(said.get(name, "").split()),
        )
        for name, field in method.settings_class.model_fields.items()
    ]


def _paragraphs(docstring: str | None) -> list[str]:
    """Prose on one line each, items of a list on lines of their own; what is indented as it stands."""
    paragraphs: list[list[str]] = [[]]
    for line in (docstring or "").splitlines():
        block = paragraphs[-1]
        if not line.strip() or (block and _indented(line) != _indented(block[0])):
            block = []
            paragraphs.append(block)
        if not line.strip():
            continue
        if block and not _indented(line) and not re.match(r"- |\d+\. ", line):
            block[-1] += " " + line.strip()
        else:
            block.append(line.rstrip())
    return ["\n".join(block) for block in paragraphs if block]


def _indented(line: str) -> bool:
    return line.startswith("    ")


@functools.cache
def _costs() -> MethodCosts:
    """What was measured once."""
    return MethodCosts.shipped()
