"""The .template files beside a qwen3-rs checkpoint as one chat template in Jinja that gives the same text.

A file holds one turn with "%s" where the texts go: .template and .template.with-thinking the user's,
.template.with-system and .template.with-system-and-thinking the system's and then the user's.
"""

import json
from pathlib import Path
from typing import Any

from picoqwen_core.errors import CheckpointError
from picoqwen_core.loaders.files import read_text
from picoqwen_core.loaders.hf_tokenizer import MAX_TEMPLATE_BYTES

PLAIN, THINKING = ".template", ".template.with-thinking"
SYSTEM, SYSTEM_THINKING = ".template.with-system", ".template.with-system-and-thinking"
_END_OF_TURN = "<|im_end|>\n"
# Earlier turns are written in thinking's form, which has no empty thoughts in it: so models were taught.
_JINJA = """\
{%- set system_given = messages and messages[0].role == "system" -%}
{%- set thinking = enable_thinking is defined and enable_thinking -%}
{%- set turns = messages[1:] if system_given else messages -%}
{%- for message in turns -%}
{%- if message.role == "user" -%}
{%- set kind = "thinking" if thinking or not loop.last else "plain" -%}
{%- if system_given and loop.first -%}
{%- set parts = SYSTEM_FORMS[kind] -%}
{{- parts[0] -}}{{- messages[0].content -}}{{- parts[1] -}}{{- message.content -}}{{- parts[2] -}}
{%- else -%}
{%- set parts = FORMS[kind] -%}
{{- parts[0] -}}{{- message.content -}}{{- parts[1] -}}
{%- endif -%}
{%- elif message.role == "assistant" and not loop.first -%}
{{- message.content -}}{{- CLOSING -}}
{%- else -%}
{{- raise_exception("the model's templates know users' and assistants' turns only, not " ~ message.role) -}}
{%- endif -%}
{%- endfor -%}"""
_NO_SYSTEM = (
    '{%- if messages and messages[0].role == "system" -%}{{- raise_exception("REASON") -}}{%- endif -%}'
)


def read_template(checkpoint: Path) -> dict[str, Any]:
    """tokenizer.chat_template, or nothing when there are no template files.

    Raises CheckpointError for a file with another number of places than it must have.
    """
    user = {"plain": _parts(checkpoint, PLAIN, 1), "thinking": _parts(checkpoint, THINKING, 1)}
    system = {"plain": _parts(checkpoint, SYSTEM, 2), "thinking": _parts(checkpoint, SYSTEM_THINKING, 2)}
    if user["plain"] is None:
        return {}
    user["thinking"] = user["thinking"] or user["plain"]
    system["thinking"] = system["thinking"] or system["plain"]
    template = _JINJA
    if system["plain"] is None:
        reason = f"the model has no file {checkpoint.name}{SYSTEM}, so it takes no system prompt"
        template = _NO_SYSTEM.replace('"REASON"', _literal(reason)) + template
        system = {"plain": ["", "", ""], "thinking": ["", "", ""]}
    ends_turns = user["plain"][1].startswith(_END_OF_TURN)
    # In one pass over each name, longer names first: what is put in may hold any text.
    before, between = template.split("SYSTEM_FORMS")
    middle, after = between.split("FORMS")
    middle_of_after, rest = after.split("CLOSING")
    closing = _literal(_END_OF_TURN) if ends_turns else "eos_token"
    template = f"{before}{_literal(system)}{middle}{_literal(user)}{middle_of_after}{closing}{rest}"
    return {"tokenizer.chat_template": template}


def _parts(checkpoint: Path, ending: str, places: int) -> list[str] | None:
    """The texts around the places; None when there is no such file."""
    path = checkpoint.with_name(checkpoint.name + ending)
    if not path.exists():
        return None
    parts = read_text(path, MAX_TEMPLATE_BYTES).split("%s")
    if len(parts) != places + 1:
        raise CheckpointError(f"{path}: has {len(parts) - 1} places %s; it must have {places}")
    return parts


def _literal(value: Any) -> str:
    """A value as Jinja writes it. Not in ASCII: Jinja would take an escaped pair for two characters."""
    return json.dumps(value, ensure_ascii=False)
