"""How far a task had come when it was last heard of, for errors. It holds no document text."""

from __future__ import annotations

from dataclasses import dataclass

from llm_convert.contracts.messages import Closed, ItemDone, Message, Opened, Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSeen:
    """The last that a task told before its end: never more of a document than its name."""

    task: int = 0
    stage: str = "before its first message"
    document: str = ""

    def after(self, message: Message) -> LastSeen:
        """What is known once this message is heard too."""
        stage, document = self.stage, self.document
        if isinstance(message, Opened):
            stage = f"after opening with {message.items} work items"
        elif isinstance(message, Progress):
            stage = f"after {message.done} of {message.total} work items"
        elif isinstance(message, ItemDone):
            document = message.item.document
            stage = "while converting" if stage.startswith("after opening") else stage
        elif isinstance(message, Closed):
            stage = "after closing its messages"
        return LastSeen(task=self.task, stage=stage, document=document)

    def __str__(self) -> str:
        document = f", the last document done was {self.document!r}" if self.document else ""
        return f"task {self.task} was last seen {self.stage}{document}"
