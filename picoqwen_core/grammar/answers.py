"""What a request says about the form of its answer, as a constraint; everything is checked before a token."""

from collections.abc import Callable
from functools import cached_property
from typing import Literal

from picoqwen_core.engine.constraint import Constraint
from picoqwen_core.errors import RequestError
from picoqwen_core.grammar.chat import ChatConstraint, Shape
from picoqwen_core.grammar.compiler import Grammars
from picoqwen_core.grammar.tags import CALL_END, Tags
from picoqwen_core.grammar.tools import call_grammar, chosen, fields_of
from picoqwen_core.messages import ChatRequest, GenerateRequest, ToolSpec
from picoqwen_core.tokenizer import Tokenizer


class AnswerConstraints:
    """Makes the constraints of one model's answers.

    One thread at a time may ask for one; what it gets may live on another thread.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Nothing is built before the first request that needs it."""
        self._tokenizer = tokenizer
        self._grammars = Grammars(tokenizer)

    @cached_property
    def _tags(self) -> Tags:
        return Tags(self._tokenizer)

    def of_text(self, request: GenerateRequest) -> Constraint | None:
        """The constraint on raw text. Raises RequestError for a format that cannot be met."""
        wanted = request.response_format
        return self._grammars.constraint(wanted) if wanted else None

    def of_chat(self, request: ChatRequest, *, thought_open: bool) -> Constraint | None:
        """The constraint on an answer, None where every text will do.

        thought_open: whether the prompt has begun a thought. Raises RequestError for what cannot be met.
        """
        choice, wanted = request.tool_choice, request.response_format
        tools = chosen(request.tools, choice)
        if not tools and wanted is None and request.thinking_budget is None:
            return None
        if wanted and choice not in ("auto", "none"):
            raise RequestError(
                f"response_format: cannot be met by a call, which tool_choice {choice!r} demands"
            )
        thought: Literal["open", "may", "no"] = "open" if thought_open else "may"
        shape = Shape(
            call=self._calls(request, tools) if tools and choice != "none" else None,
            answer=(lambda: self._grammars.constraint(wanted)) if wanted else None,
            must_call=choice not in ("auto", "none"),
            several_calls=request.parallel_tool_calls and choice in ("auto", "none", "required"),
            thought="no" if request.thinking is False and not thought_open else thought,
            thought_tokens=request.thinking_budget,
            guarded=bool(tools),
        )
        return ChatConstraint(shape, self._tags)

    def _calls(self, request: ChatRequest, tools: tuple[ToolSpec, ...]) -> Callable[[], Constraint]:
        """What makes the constraint of each call; compiled now, so that a call begins at once."""
        home = request.home if request.home_names_only else None
        return self._grammars.lark(call_grammar(tools, home, self._tags.lark(CALL_END)), fields_of(tools))
