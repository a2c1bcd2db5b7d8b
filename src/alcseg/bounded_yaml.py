"""YAML with bounds: short texts and few nodes, counted with every alias written out.

A text of ten lines can stand for more nodes than there is memory, if each line names the one before it ten
times. Settings and plans have some hundred nodes.
"""

import re
from typing import Any

import yaml

__all__ = ["NumbersAsWritten", "load_yaml"]

_MOST_CHARACTERS = 1 << 20
_MOST_NODES = 100_000


class NumbersAsWritten(yaml.SafeLoader):
    """YAML in which `1e-4` is a number and `010` is ten, as people mean them.

    In YAML 1.1 the first is a word and the second is eight, `1_0` is ten and `1:30` is ninety; here those two
    are words. Numbers are those of the core schema of YAML 1.2, in decimals.
    """


_INT, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
NumbersAsWritten.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag not in (_INT, _FLOAT)]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
NumbersAsWritten.add_implicit_resolver(_INT, re.compile(r"[-+]?[0-9]+$"), list("-+0123456789"))
NumbersAsWritten.add_implicit_resolver(
    _FLOAT,
    re.compile(
        r"""[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$
        |[-+]?[0-9]+[eE][-+]?[0-9]+$
        |[-+]?\.(?:inf|Inf|INF)$
        |\.(?:nan|NaN|NAN)$""",
        re.VERBOSE,
    ),
    list("-+0123456789."),
)
NumbersAsWritten.add_constructor(_INT, lambda loader, node: int(str(node.value)))


def load_yaml(text: str, loader: type[yaml.SafeLoader] = yaml.SafeLoader) -> Any:
    """Content of a YAML text, in plain types.

    Raises:
        ValueError: If it is no YAML, or beyond the bounds.
    """
    if len(text) > _MOST_CHARACTERS:
        raise ValueError(f"{len(text)} characters, more than {_MOST_CHARACTERS}")
    try:
        parser = loader(text)
        node = parser.get_single_node()
        if node is None:
            return None
        if _count(node, {}) > _MOST_NODES:
            raise ValueError(f"its aliases stand for more than {_MOST_NODES} values")
        return parser.construct_document(node)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    except (ArithmeticError, AttributeError, LookupError, TypeError) as error:  # `!!bool x`, `!!timestamp x`
        raise ValueError(f"a value that its tag does not allow: {error}") from None


def _count(node: yaml.Node, known: dict[int, int | None]) -> int:
    """Nodes from this one down, those behind an alias as often as it is used."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in known:
        known[id(node)] = None
        parts = [part for item in node.value for part in (item if isinstance(item, tuple) else (item,))]
        known[id(node)] = 1 + sum(_count(part, known) for part in parts)
    count = known[id(node)]
    if count is None:
        raise ValueError("an alias that stands for what it is in")
    return count
