"""Pages of the site that are made of the methods themselves when it is built: one each, and a table of all.

What a page says stands in the docstrings of `alcseg.training_methods`, so that it cannot fall behind them.
"""

import inspect
import json
import re
from typing import Any

from alcseg.commands.methods import MethodInfo, methods
from alcseg.training_methods import METHODS, Method

SECTION = "Methods"  # of the navigation in mkdocs.yml
MARK = "<!-- table of methods -->"


def on_config(config: Any) -> Any:
    """Put the pages into the navigation, after the overview that mkdocs.yml names."""
    for entry in config["nav"]:
        if SECTION in entry:
            entry[SECTION] += [{word: f"methods/{word}.md"} for word in page_words()]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages."""
    from mkdocs.structure.files import File  # of the docs extra; the tests do without

    for word in page_words():
        files.append(File.generated(config, f"methods/{word}.md", content=page(word)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Fill in the table where a page asks for it."""
    return markdown.replace(MARK, overview()) if MARK in markdown else markdown


def page_words() -> list[str]:
    """One word of each class; its variants, which only fix settings, stand on the same page."""
    first: dict[type[Method], str] = {}
    for word, (method, _) in sorted(METHODS.builtin.items(), key=lambda item: bool(item[1][1])):
        first.setdefault(method, word)
    return sorted(first.values())


def page_of(word: str) -> str:
    """The word whose page describes `word`."""
    return next(other for other in page_words() if METHODS[other][0] is METHODS[word][0])


def overview() -> str:
    """All methods in one table, each with a link."""
    listed = methods()
    rows = [
        [
            f"[`{info.name}`]({page_of(info.name)}.md)",
            info.paper,
            "yes" if info.quality_aware else "no",
            info.networks,
            info.predicts,
            _cost(info.cost),
        ]
        for info in listed.methods
        if info.name in METHODS.builtin
    ]
    heading = ["method", "paper", "uses HQ/LQ", "networks", "predicts with", "cost of a step"]
    text = _table(heading, rows)
    if listed.measured:
        conditions = ", ".join(f"{name} {value}" for name, value in listed.measured.items())
        text += (
            f"\n\nThe cost of a step is its time where that of `hl_sup` is 1, measured with: {conditions}."
        )
    return text


def page(word: str) -> str:
    """The page of a method, Markdown."""
    info = methods()[word]
    first, *rest = info.description.split("\n\n")
    idea, differences, cite = _parts(rest)
    parts = [
        f"# `{word}`",
        f"**{_prose(first)}**",
        _card(info),
        f"```\nalcseg train DATA --out RUN --method {word}\n```",
        "## Idea",
        *idea,
        "## Differences from the paper",
        *differences,
        "## Loss terms",
        _terms(word, info),
        "## Settings of the method",
        f"Changed with `--set method.<setting>=<value>`; `alcseg methods {word}` prints the same.",
        _settings(info),
    ]
    variants = [other for other in METHODS.builtin if other != word and page_of(other) == word]
    if variants:
        parts += ["## Variants", _table(["method", "stands for"], [_variant(other) for other in variants])]
    return "\n\n".join([*parts, "## Cite", *cite]) + "\n"


def _parts(paragraphs: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Idea, differences and reference; each begins with a word that the docstrings have in common."""
    parts: dict[str, list[str]] = {"Idea": [], "Differences from the paper": [], "Cite": []}
    part = "Idea"
    for paragraph in paragraphs:
        head, colon, text = paragraph.partition(":")
        if colon and head in parts:
            part, paragraph = head, text.strip()
            paragraph = paragraph[:1].upper() + paragraph[1:]
        if paragraph:
            parts[part].append(_prose(paragraph))
    for name, found in parts.items():
        if not found:
            raise ValueError(f"module docstring: expected a paragraph '{name}', found none: {paragraphs[0]}")
    return parts["Idea"], parts["Differences from the paper"], parts["Cite"]


def _card(info: MethodInfo) -> str:
    rows = [
        ["Paper", info.paper],
        ["Uses which labels are HQ", "yes" if info.quality_aware else "no"],
        ["Networks in training", info.networks],
        ["Network that predicts", info.predicts],
        ["Cost of a training step", f"{_cost(info.cost)} (that of `hl_sup` is 1)" if info.cost else "-"],
    ]
    return _table(["", ""], rows)


def _terms(word: str, info: MethodInfo) -> str:
    method = METHODS[word][0]
    text = _prose(" ".join((inspect.getdoc(method.training_terms) or "").split()))  # says what each one is
    logged = ", ".join(f"`{name}`" for name in (*info.terms, *info.readings))
    return f"{text}\n\nColumns of `metrics.csv` and curves in TensorBoard: {logged}."


def _settings(info: MethodInfo) -> str:
    rows = [
        [
            f"`{setting.name}`",
            f"{_value(setting.default)} (fixed)" if setting.fixed else _value(setting.default),
            ", ".join(f"`{choice}`" for choice in setting.choices) or setting.range or "-",
            setting.meaning,
        ]
        for setting in info.settings
    ]
    return _table(["setting", "default", "one of, or range", "meaning"], rows)


def _variant(word: str) -> list[str]:
    fixed = METHODS[word][1]
    return [
        f"`{word}`",
        ", ".join(f"`{name}` {_value(value)}" for name, value in fixed.items()),
    ]


def _value(value: Any) -> str:
    """As it would be typed behind --set."""
    return "`{}`".format(json.dumps(value).strip('"'))


def _cost(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _table(heading: list[str], rows: list[list[str]]) -> str:
    lines = [
        heading,
        ["---"] * len(heading),
        *([_prose(cell).replace("|", "\\|") for cell in row] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _prose(text: str) -> str:
    """Text in which only code is marked; an indented block stays code."""
    if text.startswith("    "):
        return text
    parts = re.split(r"(`[^`]*`|(?<=\])\([^)]*\))", text)
    return "".join(
        part if index % 2 else re.sub(r"([*<])", r"\\\1", part) for index, part in enumerate(parts)
    )
