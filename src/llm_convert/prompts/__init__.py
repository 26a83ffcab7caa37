"""Prompts: YAML files to checked ``Prompt`` contracts. This room knows files and nothing of models."""

from llm_convert.prompts.library import PromptLibrary, load_library
from llm_convert.prompts.reading import check_prompts, read_prompt

__all__ = ["PromptLibrary", "check_prompts", "load_library", "read_prompt"]
