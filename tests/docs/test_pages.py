"""The documents say what the code does."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec

from docs.compatibility_page import PAGE, page
from forebay.settings import ModelSettings, Settings, WindowSettings

ROOT = Path(__file__).parents[2]
TOML = re.compile(r"```toml\n(.*?)```", re.DOTALL)


def test_the_compatibility_page_is_made_from_the_code() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: make docs"


def test_every_setting_is_documented_and_no_other() -> None:
    text = (ROOT / "docs" / "settings.md").read_text("utf-8")
    documented = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert sorted(documented) == sorted(Settings.__struct_fields__)


def test_every_key_of_a_model_and_of_a_window_is_in_an_example() -> None:
    examples = [tomllib.loads(text) for text in _toml("docs/settings.md")]
    model = next(iter(examples[0]["models"].values()))
    window = next(iter(examples[1]["windows"].values()))
    assert set(model) == set(ModelSettings.__struct_fields__)
    assert set(window) == set(WindowSettings.__struct_fields__)


def test_the_examples_of_settings_are_accepted() -> None:
    for text in (*_toml("docs/settings.md"), *_toml("README.md")):
        msgspec.convert(tomllib.loads(text), Settings, strict=False)


def test_links_between_documents_lead_somewhere() -> None:
    for document in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def _toml(name: str) -> list[str]:
    return TOML.findall((ROOT / name).read_text("utf-8"))
