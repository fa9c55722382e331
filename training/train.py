"""Trains the built-in model on token shards, for a number of minutes, on the CPU.

The learning rate follows the clock, so a run always ends with its decay; a checkpoint is written every
few minutes, so a run that is stopped leaves a usable model. Needs only PyTorch and NumPy.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from training.network import Network, NetworkConfig

PAD_ID = 0


@dataclass(frozen=True)
class Shard:
    """Samples one after another: sample i is tokens[offsets[i]:offsets[i+1]], its label from prompt[i] on."""

    tokens: np.ndarray  # uint16
    offsets: np.ndarray  # int64, (n + 1,)
    prompt: np.ndarray  # int32, (n,)

    def __len__(self) -> int:
        return len(self.prompt)


def load_shards(paths: list[Path]) -> Shard:
    """Read .npz shards into one."""
    parts = [np.load(path) for path in paths]
    starts = np.cumsum([0, *(len(part["tokens"]) for part in parts)])
    offsets = [part["offsets"][:-1] + start for part, start in zip(parts, starts, strict=False)]
    return Shard(
        np.concatenate([part["tokens"] for part in parts]),
        np.concatenate([*offsets, starts[-1:]]),
        np.concatenate([part["prompt"] for part in parts]),
    )


def batches(shard: Shard, tokens_per_batch: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """One pass over the shard in batches of similar length; yields sample indices."""
    lengths = np.diff(shard.offsets)
    order = rng.permutation(len(shard))
    for chunk in np.array_split(order, max(1, len(order) // 20_000)):
        by_length = chunk[np.argsort(lengths[chunk], kind="stable")]
        cuts: list[np.ndarray] = []
        start = 0
        while start < len(by_length):
            count = max(1, tokens_per_batch // int(lengths[by_length[start]]))
            while count > 1 and int(lengths[by_length[min(start + count, len(by_length)) - 1]]) * count > (
                tokens_per_batch * 1.05
            ):
                count = int(count * 0.95)
            cuts.append(by_length[start : start + count])
            start += count
        rng.shuffle(cuts)  # type: ignore[arg-type]
        yield from cuts


def collate(shard: Shard, indices: np.ndarray) -> tuple[Tensor, Tensor]:
    """Inputs (batch, length) and targets of the same shape; -100 where no loss is due."""
    lengths = np.diff(shard.offsets)[indices]
    width = int(lengths.max())
    ids = np.full((len(indices), width), PAD_ID, np.int64)
    labels = np.full((len(indices), width), -100, np.int64)
    for row, index in enumerate(indices):
        sample = shard.tokens[shard.offsets[index] : shard.offsets[index + 1]]
        ids[row, : len(sample)] = sample
        labels[row, shard.prompt[index] - 1 : len(sample) - 1] = sample[shard.prompt[index] :]
    return torch.from_numpy(ids), torch.from_numpy(labels)


def label_logits(network: Network, ids: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (m, vocab) and targets (m,) at the positions that have a label."""
    with torch.autocast("cpu", torch.bfloat16):
        hidden = network(ids)
        wanted = labels >= 0
        logits = hidden[wanted] @ network.token_embd.weight.T.to(hidden.dtype)
    return logits.float(), labels[wanted]


@torch.no_grad()
def exact_match(network: Network, shard: Shard, limit: int) -> float:
    """Share of samples whose every output token is the most likely one: greedy decoding would be exact."""
    network.eval()
    right = total = 0
    lengths = np.diff(shard.offsets)
    order = np.argsort(lengths[:limit], kind="stable")
    for indices in np.array_split(order, max(1, len(order) // 128)):
        ids, labels = collate(shard, indices)
        logits, wanted = label_logits(network, ids, labels)
        rows = torch.nonzero(labels >= 0)[:, 0]
        wrong = torch.zeros(len(indices)).index_add_(0, rows, (logits.argmax(-1) != wanted).float())
        right += int((wrong == 0).sum())
        total += len(indices)
    network.train()
    return right / total


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalised by Newton-Schulz steps (Jordan et al., 2024); matrices only."""

    def __init__(self, params: list[Tensor], lr: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:
        """Update all parameters."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                buffer = state.setdefault("momentum", torch.zeros_like(p))
                buffer.lerp_(p.grad, 1 - group["momentum"])
                update = orthogonalise(p.grad.lerp(buffer, group["momentum"]))
                p.mul_(1 - group["lr"] * 0.05)
                p.add_(update, alpha=-group["lr"] * max(1.0, p.shape[0] / p.shape[1]) ** 0.5)


def orthogonalise(matrix: Tensor, steps: int = 5) -> Tensor:
    """The nearest semi-orthogonal matrix, roughly, by a quintic Newton-Schulz iteration."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = (matrix / (matrix.norm() + 1e-7)).bfloat16()  # enough for a direction, and several times faster
    transposed = x.shape[0] > x.shape[1]
    if transposed:
        x = x.T
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.T if transposed else x).float()


def optimizers(network: Network, lr: float, matrix_lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, AdamW for the embedding and the norms."""
    matrices = [p for p in network.blk.parameters() if p.dim() == 2]
    others = [p for p in network.parameters() if all(p is not m for m in matrices)]
    return [
        Muon(matrices, matrix_lr),
        torch.optim.AdamW(others, lr, betas=(0.9, 0.95), weight_decay=0.0, fused=True),
    ]


def rate(progress: float, step: int, warmup: int = 100) -> float:
    """Share of the peak learning rate: linear warm-up, flat, then down to zero over the last 60 %."""
    decay = 1.0 if progress < 0.4 else max(0.0, (1.0 - progress) / 0.6)
    return min(1.0, (step + 1) / warmup) * decay


def save(network: Network, path: Path) -> None:
    """Write weights and shape as .npz, whole or not at all."""
    arrays = {name: p.detach().float().numpy() for name, p in network.named_parameters()}
    temporary = path.with_suffix(".tmp.npz")
    np.savez(temporary, config=json.dumps(asdict(network.c)), **arrays)
    temporary.rename(path)


def load(network: Network, path: Path) -> None:
    """Read weights that `save` wrote; blocks beyond the file's add nothing at first, and learn from there."""
    with np.load(path) as arrays:
        state = {name: torch.from_numpy(arrays[name]) for name in arrays.files if name != "config"}
    if unknown := state.keys() - dict(network.named_parameters()).keys():
        raise ValueError(
            f"{path} has more than this network: {min(unknown)}; give --layers as it was trained with"
        )
    network.load_state_dict(state, strict=False)
    for name, parameter in network.named_parameters():
        if name not in state and name.endswith(("attn_output.weight", "ffn_down.weight")):
            torch.nn.init.zeros_(parameter)


def main() -> None:
    """Train and leave OUT.npz, printing a line every --report seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=Path, nargs="+", required=True)
    parser.add_argument("--validation", type=Path, required=True)
    parser.add_argument("--vocab-size", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=45)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch-tokens", type=int, default=8192)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--matrix-lr", type=float, default=0.02)
    parser.add_argument("--report", type=float, default=120, help="seconds between checkpoints")
    parser.add_argument("--init", type=Path, help="weights to go on from")
    parser.add_argument("--seed", type=int, default=1)
    run(parser.parse_args())


def run(args: argparse.Namespace) -> None:
    """The training loop."""
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    train, validation = load_shards(args.train), load_shards([args.validation])
    network = Network(NetworkConfig(args.vocab_size, n_layers=args.layers))
    if args.init is not None:
        load(network, args.init)
    parameters = sum(p.numel() for p in network.parameters())
    print(f"{parameters:,} parameters, {len(train):,} requests", flush=True)
    chosen = optimizers(network, args.lr, args.matrix_lr)
    start = reported = time.monotonic()
    step = seen = tokens = 0
    average = 0.0
    while True:
        for indices in batches(train, args.batch_tokens, rng):
            now = time.monotonic()
            progress = (now - start) / (60 * args.minutes)
            if now - reported > args.report or progress >= 1:
                exact = exact_match(network, validation, 2000)
                save(network, args.out)
                speed = tokens / (now - start)
                print(
                    f"{(now - start) / 60:5.1f} min  step {step:5d}  seen {seen:8,d}  "
                    f"loss {average:.3f}  exact {exact:.3f}  {speed:,.0f} tok/s",
                    flush=True,
                )
                reported = time.monotonic()
            if progress >= 1:
                return
            ids, labels = collate(train, indices)
            logits, wanted = label_logits(network, ids, labels)
            loss = cross_entropy(logits, wanted)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            for optimizer in chosen:
                for group in optimizer.param_groups:
                    group.setdefault("peak", group["lr"])
                    group["lr"] = group["peak"] * rate(progress, step)
                optimizer.step()
                optimizer.zero_grad()
            value = float(loss)
            average = value if step == 0 else 0.98 * average + 0.02 * value
            step += 1
            seen += len(indices)
            tokens += ids.numel()


if __name__ == "__main__":
    main()
