"""The built-in model's vocabulary: byte-level BPE over generated prompts, special tokens first."""

from collections.abc import Iterable

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)

from picoqwen_core.home.dsl import special_tokens

VOCAB_SIZE = 2048
# Qwen2's pre-tokenizer, so that the file is read like any other Qwen model's.
_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def vocabulary_of(ids: dict[str, int], merges: list[tuple[str, str]]) -> Tokenizer:
    """A tokenizer of known tokens and merges; with none of them one to be trained."""
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=merges) if ids else models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def train_vocabulary(texts: Iterable[str], size: int = VOCAB_SIZE) -> Tokenizer:
    """Learn merges from prompts and outputs; ids of the special tokens come first and are fixed."""
    tokenizer = vocabulary_of({}, [])
    specials = [AddedToken(token, special=True, normalized=False) for token in special_tokens()]
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=specials,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((_words_only(text) for text in texts), trainer)
    return tokenizer


def _words_only(text: str) -> str:
    """Text between special tokens; the trainer itself does not split at them."""
    for token in special_tokens():
        text = text.replace(token, "\n")
    return text
