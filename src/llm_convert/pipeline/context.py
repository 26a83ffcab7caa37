"""What every step works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from llm_convert.contracts import keys
from llm_convert.contracts.base import Contract
from llm_convert.contracts.tenant import Source, TenantConfig
from llm_convert.objects import find_model, overwrite
from llm_convert.ports import ObjectStore, Warehouse
from llm_convert.prompts import PromptLibrary
from llm_convert.settings import Settings

M = TypeVar("M", bound=Contract)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """One step of one branch of one night."""

    store: ObjectStore
    warehouse: Warehouse
    config: TenantConfig
    settings: Settings
    prompts: PromptLibrary
    bsda: str
    branch: str
    """The source's name: ``shared_drive``, ``email``."""

    @property
    def tenant(self) -> str:
        """The tenant's code."""
        return self.config.customer_code

    @property
    def source(self) -> Source:
        """The branch's source."""
        return self.config.source(self.branch)

    @property
    def carries_results(self) -> bool:
        """Whether this branch lands a model's results; else it lands tidy documents."""
        if self.source.results_of is not None:
            return True
        return self.source.llm_transform and self.config.results_branch(self.branch) == self.branch

    @property
    def crawled_source(self) -> Source:
        """The source whose documents this branch is about."""
        return self.config.source(self.source.results_of or self.branch)

    def key(self, name: str) -> str:
        """The key of something this branch leaves."""
        return keys.step(self.tenant, self.bsda, self.branch, name)

    def leave(self, name: str, value: Contract) -> bool:
        """Leave a model for the next step; False when it was there already, unchanged."""
        return overwrite(self.store, self.key(name), value.to_json())

    def found(self, name: str, model: type[M]) -> M | None:
        """What an earlier step left."""
        return find_model(self.store, self.key(name), model)
