"""The tokenizer and the chat template of a Hugging Face folder as GGUF metadata.

Reads tokenizer.json, tokenizer_config.json, generation_config.json and chat_template.jinja. What our
tokenizer would do differently from what these files ask for is refused.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from picoqwen_core.byte_level import PATTERNS, TokenType
from picoqwen_core.errors import CheckpointError, shown
from picoqwen_core.loaders.files import read_json, read_text

TOKENIZER, TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"
GENERATION, TEMPLATE = "generation_config.json", "chat_template.jinja"
STOP_IDS = "picoqwen.stop_token_ids"
MAX_TEMPLATE_BYTES = 1 << 20
# What the engine's tokenizer does with an added token.
_ADDED_FLAGS = ("single_word", "lstrip", "rstrip")


def read_tokenizer(folder: Path, config: Mapping[str, Any], rows: int) -> dict[str, Any]:
    """The keys tokenizer.* for a model with that many rows in its embedding.

    config: what config.json holds. Raises CheckpointError when a file is missing, unsound or asks for
    something else than byte-level BPE in Qwen's way.
    """
    metadata = read_vocabulary(folder / TOKENIZER, rows)
    ids = {token: index for index, token in enumerate(metadata["tokenizer.ggml.tokens"])}
    chosen = _optional(folder / TOKENIZER_CONFIG)
    stops = _stop_ids(_optional(folder / GENERATION), config, folder)
    eos = _named_token(chosen, "eos_token", ids, folder)
    if eos is not None and eos not in stops:
        stops.insert(0, eos)
    if stops:
        metadata["tokenizer.ggml.eos_token_id"] = stops[0] if eos is None else eos
        metadata[STOP_IDS] = stops
    for key, name in (("bos_token_id", "bos_token"), ("padding_token_id", "pad_token")):
        found = _named_token(chosen, name, ids, folder)
        if found is not None:
            metadata[f"tokenizer.ggml.{key}"] = found
    # Qwen's tokenizers begin no text with it, but other programs want to know it.
    bos = config.get("bos_token_id")
    if type(bos) is int and 0 <= bos < len(ids):
        metadata.setdefault("tokenizer.ggml.bos_token_id", bos)
    metadata["tokenizer.ggml.add_bos_token"] = chosen.get("add_bos_token") is True
    template = _template(folder, chosen)
    return metadata if template is None else metadata | {"tokenizer.chat_template": template}


def read_vocabulary(path: Path, rows: int) -> dict[str, Any]:
    """Tokens, their types and merges of a tokenizer.json, for a model of that many embedding rows."""
    found = read_json(path)
    model = found.get("model")
    if not isinstance(model, dict) or model.get("type", "BPE") != "BPE":
        raise CheckpointError(f"{path}: only byte-level BPE is supported, model is {shown(model)}")
    _require_qwens_way(path, found)
    tokens, types = _tokens(path, model.get("vocab"), found.get("added_tokens") or [], rows)
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": types,
        "tokenizer.ggml.merges": list(_merges(path, model.get("merges"))),
    }


def _require_qwens_way(path: Path, found: Mapping[str, Any]) -> None:
    """Refuse another normalization or another way of cutting."""
    normalizer = found.get("normalizer")
    if not isinstance(normalizer, dict) or normalizer.get("type") != "NFC":
        raise CheckpointError(f"{path}: the normalizer is {shown(normalizer)}; only NFC is supported")
    patterns = list(_patterns(found.get("pre_tokenizer")))
    if patterns != [PATTERNS["qwen2"]]:
        raise CheckpointError(f"{path}: cuts text by {shown(patterns)}; only Qwen's way is supported")


def _patterns(pre_tokenizer: Any) -> Iterator[Any]:
    """The regular expressions by which text is cut."""
    if isinstance(pre_tokenizer, dict):
        parts = pre_tokenizer.get("pretokenizers", [pre_tokenizer])
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict) and part.get("type") == "Split":
                pattern = part.get("pattern")
                yield pattern.get("Regex") if isinstance(pattern, dict) else pattern


def _tokens(path: Path, vocabulary: Any, added: Any, rows: int) -> tuple[list[str], list[int]]:
    """Spelling and type by id; ids that no token has are filled as GGUF files do."""
    if not isinstance(vocabulary, dict) or not isinstance(added, list):
        raise CheckpointError(f"{path}: vocab must be an object and added_tokens a list")
    tokens: dict[int, str] = {}
    types: dict[int, int] = {}
    for token, index in vocabulary.items():
        _checked_id(path, token, index, rows)
        if index in tokens:
            raise CheckpointError(
                f"{path}: {shown(token)} and {shown(tokens[index])} have the same id {index}"
            )
        tokens[index], types[index] = token, int(TokenType.NORMAL)
    for entry in added:
        index, token, kind = _added(path, entry, rows)
        if tokens.get(index, token) != token or vocabulary.get(token, index) != index:
            raise CheckpointError(
                f"{path}: the added token {shown(token)} with the id {index} is in vocab otherwise"
            )
        tokens[index], types[index] = token, kind
    if not tokens:
        raise CheckpointError(f"{path}: the vocabulary is empty")
    ids = range(max(tokens) + 1)
    return [tokens.get(index, f"[PAD{index}]") for index in ids], [
        types.get(i, int(TokenType.UNUSED)) for i in ids
    ]


def _added(path: Path, entry: Any, rows: int) -> tuple[int, str, int]:
    """Id, spelling and type of an added token."""
    if not isinstance(entry, dict) or not isinstance(entry.get("content"), str) or not entry["content"]:
        raise CheckpointError(f"{path}: an added token is {shown(entry)}")
    token = str(entry["content"])
    index = _checked_id(path, token, entry.get("id"), rows)
    for flag in _ADDED_FLAGS:
        if entry.get(flag):
            raise CheckpointError(
                f"{path}: the added token {shown(token)} has {flag} set, which is not supported"
            )
    return index, token, int(TokenType.CONTROL if entry.get("special") else TokenType.USER_DEFINED)


def _checked_id(path: Path, token: str, index: Any, rows: int) -> int:
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < rows:
        raise CheckpointError(f"{path}: {shown(token)} has the id {shown(index)}, the model has {rows} rows")
    return index


def _merges(path: Path, merges: Any) -> Iterator[str]:
    """Merges as "left right"; files spell them so, or as pairs."""
    if not isinstance(merges, list):
        raise CheckpointError(f"{path}: merges must be a list, not {type(merges).__name__}")
    for merge in merges:
        if isinstance(merge, list) and len(merge) == 2 and all(isinstance(part, str) for part in merge):
            yield " ".join(merge)
        elif isinstance(merge, str):
            yield merge
        else:
            raise CheckpointError(f"{path}: a merge is {shown(merge)}; expected two tokens")


def _optional(path: Path) -> dict[str, Any]:
    return read_json(path) if path.exists() else {}


def _stop_ids(generation: Mapping[str, Any], config: Mapping[str, Any], folder: Path) -> list[int]:
    """Every id that ends an answer; generation_config.json's list wins over config.json's."""
    found = generation.get("eos_token_id")
    found = config.get("eos_token_id") if found is None else found
    ids = found if isinstance(found, list) else [] if found is None else [found]
    if not all(type(each) is int and each >= 0 for each in ids):
        raise CheckpointError(f"{folder}: eos_token_id is {shown(found)}; expected an id or a list of ids")
    return list(dict.fromkeys(ids))


def _named_token(chosen: Mapping[str, Any], key: str, ids: Mapping[str, int], folder: Path) -> int | None:
    """The id of a token that tokenizer_config.json names."""
    token = chosen.get(key)
    if isinstance(token, dict):
        token = token.get("content")
    if token is None:
        return None
    if not isinstance(token, str) or token not in ids:
        raise CheckpointError(f"{folder / TOKENIZER_CONFIG}: {key} {shown(token)} is not in the vocabulary")
    return ids[token]


def _template(folder: Path, chosen: Mapping[str, Any]) -> str | None:
    """The chat template, from its own file or tokenizer_config.json; of several, the one named default."""
    if (folder / TEMPLATE).exists():
        return read_text(folder / TEMPLATE, MAX_TEMPLATE_BYTES)
    template = chosen.get("chat_template")
    if isinstance(template, list):
        named = [each for each in template if isinstance(each, dict) and each.get("name") == "default"]
        template = named[0].get("template") if named else None
    if template is not None and not isinstance(template, str):
        raise CheckpointError(f"{folder / TOKENIZER_CONFIG}: chat_template is {shown(template)}")
    return template
