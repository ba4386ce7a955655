"""One question to a host that speaks OpenAI's Responses or Chat Completions form."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from fleetloop.agents.planner.budget import Budget
from fleetloop.agents.planner.config import PlannerConfig
from fleetloop.core.errors import ConfigError, FleetloopError, MissingDependencyError


class HostError(FleetloopError, OSError):
    """A host that gave no reply: not there, too late, or refusing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is sent.

    Attributes:
        rules: What the model is and must not do.
        text: The question.
        pictures: JPEG files as data addresses.
        schema: JSON schema of the reply; None for free text.
    """

    rules: str
    text: str
    pictures: Sequence[str] = ()
    schema: dict[str, Any] | None = None


class Host(Protocol):
    """Something that answers questions.

    Attributes:
        model: Its name, for records.
    """

    @property
    def model(self) -> str:
        """See the class."""
        ...

    def ask(self, question: Question) -> str:
        """The reply's text.

        Raises:
            HostError: There is none.
        """
        ...


class OpenAIHost:
    """A host through the `openai` package.

    Its own retries (429, 5xx, lost connections, with growing waits) are bounded by `config.tries`.

    Args:
        config: Where and how.
        budget: Shared by all that ask in one run.

    Raises:
        MissingDependencyError: The package is not installed.
    """

    def __init__(self, config: PlannerConfig, budget: Budget) -> None:
        try:
            import openai
        except ImportError as error:
            raise MissingDependencyError(
                "A hosted planner needs the package openai: pip install 'fleetloop[planner]'."
            ) from error
        self._config = config
        self._budget = budget
        self._failure = openai.OpenAIError
        self._client = openai.OpenAI(
            base_url=config.base_url,
            # The package wants a key even for local servers that want none.
            api_key=os.environ.get(config.key_variable) or "none",
            timeout=config.timeout_s,
            max_retries=config.tries - 1,
        )

    @property
    def model(self) -> str:
        """The model's name."""
        return self._config.model

    def ask(self, question: Question) -> str:
        """The reply's text.

        Raises:
            HostError: The host is not there, late, or refuses, after all tries.
            StateError: The budget is used up.
        """
        self._budget.check()
        ask = self._responses if self._config.wire == "responses" else self._chat
        try:
            text, tokens_in, tokens_out = ask(question)
        except self._failure as error:
            raise HostError(
                f"{self._config.base_url} gave no reply ({type(error).__name__}: "
                f"{str(error)[:200]}): check the address, the model's name and the key."
            ) from error
        except (ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
            raise HostError(
                f"{self._config.base_url} replied in no form that is known "
                f"({type(error).__name__}: {str(error)[:200]}): try the other wire."
            ) from error
        self._budget.spend(tokens_in, tokens_out)
        return text

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def _responses(self, question: Question) -> tuple[str, int, int]:
        content: list[Any] = [{"type": "input_text", "text": question.text}]
        content += [{"type": "input_image", "image_url": url} for url in question.pictures]
        extra: dict[str, Any] = {}
        if question.schema is not None:
            form = {
                "type": "json_schema",
                "name": "plan",
                "strict": True,
                "schema": question.schema,
            }
            extra["text"] = {"format": form}
        reply = self._client.responses.create(
            model=self.model,
            instructions=question.rules,
            input=[{"role": "user", "content": content}],
            **extra,
        )
        usage = reply.usage
        return (
            reply.output_text,
            usage.input_tokens if usage else 0,
            usage.output_tokens if usage else 0,
        )

    def _chat(self, question: Question) -> tuple[str, int, int]:
        content: list[Any] = [{"type": "text", "text": question.text}]
        content += [{"type": "image_url", "image_url": {"url": url}} for url in question.pictures]
        extra: dict[str, Any] = {}
        if question.schema is not None:
            schema = {"name": "plan", "strict": True, "schema": question.schema}
            extra["response_format"] = {"type": "json_schema", "json_schema": schema}
        reply = self._client.chat.completions.create(
            model=self.model,
            messages=[
                {"role": "system", "content": question.rules},
                {"role": "user", "content": content},
            ],
            **extra,
        )
        usage = reply.usage
        return (
            reply.choices[0].message.content or "",
            usage.prompt_tokens if usage else 0,
            usage.completion_tokens if usage else 0,
        )


def host_of_environment() -> OpenAIHost:
    """The host that the environment names.

    Raises:
        ConfigError: It names none, or one that cannot be used.
        MissingDependencyError: The package `openai` is not installed.
    """
    config = PlannerConfig.from_environment()
    if config is None:
        raise ConfigError(
            "No planner is named: set FLEETLOOP_PLANNER_MODEL and FLEETLOOP_PLANNER_BASE_URL."
        )
    return OpenAIHost(config, Budget(config))
