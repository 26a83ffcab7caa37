"""All prompts a process knows: the built-in ones and those of a folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from llm_convert.contracts.prompt import Prompt
from llm_convert.errors import ConfigurationError, unknown_name
from llm_convert.prompts.reading import BUILTIN, check_prompts


class PromptLibrary:
    """Prompts by id."""

    def __init__(self, prompts: Iterable[Prompt]) -> None:
        self._prompts = {prompt.prompt_id: prompt for prompt in prompts}

    def get(self, prompt_id: str) -> Prompt:
        """The prompt of this id.

        Raises:
            ConfigurationError: with the known ones.
        """
        if prompt_id not in self._prompts:
            raise unknown_name("PROMPT_ID", prompt_id, self._prompts)
        return self._prompts[prompt_id]

    @property
    def prompt_ids(self) -> tuple[str, ...]:
        """All ids, sorted."""
        return tuple(sorted(self._prompts))

    def serving(self, file_id: str, named: tuple[str, ...] = ()) -> tuple[Prompt, ...]:
        """The prompts to apply to a FILE_ID, by id.

        Args:
            named: only these, when not empty. A prompt that serves ``*`` is applied only when it is named: nobody wants
                every document converted a second time because a general prompt exists.

        Raises:
            ConfigurationError: for a named prompt that is unknown.
        """
        if named:
            return tuple(prompt for prompt in map(self.get, sorted(named)) if prompt.serves(file_id))
        return tuple(self._prompts[key] for key in sorted(self._prompts) if file_id in self._prompts[key].file_ids)


def load_library(folder: Path | None = None) -> PromptLibrary:
    """The built-in prompts and those of a folder, which may replace a built-in one.

    Raises:
        ConfigurationError: the first prompt that is wrong.
    """
    prompts = [_or_raise(found) for _, found in check_prompts(BUILTIN)]
    if folder is not None:
        prompts += [_or_raise(found) for _, found in check_prompts(folder)]
    return PromptLibrary(prompts)


def _or_raise(found: Prompt | ConfigurationError) -> Prompt:
    if isinstance(found, ConfigurationError):
        raise found
    return found
