"""Writes token shards for the trainer: prompts and labels of drawn requests, as .npz files.

A shard holds `tokens` (uint16, samples one after another), `offsets` (int64, samples + 1) and
`prompt` (int32, the length of each sample's prompt).
"""

import argparse
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from training.draw import mixed_draws, sample
from training.unseen import is_examined
from training.vocab import train_vocabulary

VOCABULARY_SAMPLES = 120_000


def samples(seed: int, split: str, count: int) -> tuple[list[tuple[str, str]], Counter[str]]:
    """`count` samples, and how many draws of each category the linker could not serve.

    None of the training split says what the model is examined with.
    """
    missed: Counter[str] = Counter()
    found: list[tuple[str, str]] = []
    for category, home, turn in mixed_draws(seed, split):
        if split == "train" and is_examined(turn.text):
            continue
        made = sample(home, turn)
        if made is None:
            missed[category] += 1
            continue
        found.append(made)
        if len(found) == count:
            break
    return found, missed


def write_shard(path: Path, vocabulary: Path, seed: int, split: str, count: int) -> int:
    """Draw, tokenize and write one shard; returns how many draws were dropped."""
    tokenizer = Tokenizer.from_file(str(vocabulary))
    pairs, missed = samples(seed, split, count)
    prompts = tokenizer.encode_batch([prompt for prompt, _ in pairs])
    outputs = tokenizer.encode_batch([output for _, output in pairs])
    lengths = [len(p.ids) + len(o.ids) for p, o in zip(prompts, outputs, strict=True)]
    offsets = np.cumsum([0, *lengths]).astype(np.int64)
    flat = [i for p, o in zip(prompts, outputs, strict=True) for i in (*p.ids, *o.ids)]
    unfinished = path.with_name(f".{path.name}")  # a trainer may be reading the folder
    np.savez_compressed(
        unfinished,
        tokens=np.asarray(flat, np.uint16),
        offsets=offsets,
        prompt=np.asarray([len(p.ids) for p in prompts], np.int32),
    )
    unfinished.rename(path)
    return missed.total()


def _write_vocabulary(path: Path, seed: int) -> None:
    pairs, _ = samples(seed, "train", VOCABULARY_SAMPLES)
    train_vocabulary(prompt + output for prompt, output in pairs).save(str(path))


def main() -> None:
    """Vocabulary, training shards and a validation shard into one folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--requests", type=int, default=400_000)
    parser.add_argument("--shard", type=int, default=50_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    vocabulary = args.out / "vocabulary.json"
    if not vocabulary.exists():
        _write_vocabulary(vocabulary, args.seed)
    count = -(-args.requests // args.shard)
    with ProcessPoolExecutor(args.processes) as pool:
        futures = [
            pool.submit(
                write_shard,
                args.out / f"train-{i:04}.npz",
                vocabulary,
                args.seed + 1 + i,
                "train",
                args.shard,
            )
            for i in range(count)
        ]
        futures.insert(
            0,
            pool.submit(write_shard, args.out / "validation.npz", vocabulary, args.seed, "validation", 4000),
        )
        dropped = sum(future.result() for future in futures)
    total = count * args.shard + 4000
    print(f"{total:,} requests, {dropped / (dropped + total):.1%} dropped, {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
