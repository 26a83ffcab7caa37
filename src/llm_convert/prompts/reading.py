"""One YAML file to one ``Prompt``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

from llm_convert.contracts.base import parse
from llm_convert.contracts.prompt import Prompt
from llm_convert.errors import ConfigurationError

BUILTIN = Path(__file__).parent / "builtin"
SUFFIXES = {".yaml", ".yml"}


def read_prompt(path: Path) -> Prompt:
    """The prompt of a file.

    Raises:
        ConfigurationError: the file can't be read, is no YAML mapping, or is no prompt; it names file and place.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"prompt {path} can't be read: {error}", remedy="Check the path and that it is UTF-8."
        ) from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"prompt {path} is no YAML: {_first_line(error)}") from None
    if not isinstance(data, dict):
        raise ConfigurationError(f"prompt {path} holds no mapping", remedy="Start it with 'prompt_id: ...'.")
    return parse(Prompt, data, where=str(path))


def prompt_files(folder: Path) -> list[Path]:
    """The prompt files of a folder, sorted.

    Raises:
        ConfigurationError: when there is no such folder.
    """
    if not folder.is_dir():
        raise ConfigurationError(
            f"the prompts folder {folder} does not exist", remedy="Set LLM_CONVERT_PROMPTS to a folder of YAML files."
        )
    return sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)


def check_prompts(folder: Path) -> Iterator[tuple[Path, Prompt | ConfigurationError]]:
    """Each file of a folder with its prompt, or with what is wrong with it; a second prompt of the same id is wrong."""
    seen: dict[str, Path] = {}
    for path in prompt_files(folder):
        try:
            prompt = read_prompt(path)
            if prompt.prompt_id in seen:
                raise twice(prompt.prompt_id, seen[prompt.prompt_id], path)
        except ConfigurationError as error:
            yield path, error
            continue
        seen[prompt.prompt_id] = path
        yield path, prompt


def twice(prompt_id: str, first: Path, second: Path) -> ConfigurationError:
    """Two files claim the same prompt."""
    return ConfigurationError(
        f"prompt_id {prompt_id!r} stands in {first} and in {second}", remedy="Rename one of them."
    )


def _first_line(error: yaml.YAMLError) -> str:
    return " ".join(str(error).split())
