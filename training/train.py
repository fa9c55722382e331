"""Trains the built-in model on token shards, for a number of minutes, on a GPU or on the CPU.

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

    tokens: Tensor  # int16, for a vocabulary has fewer than 32,768 tokens
    offsets: Tensor  # int64, (n + 1,)
    prompt: Tensor  # int64, (n,)
    lengths: np.ndarray  # int64, (n,), where the batches are made

    def __len__(self) -> int:
        return len(self.lengths)


def shard_files(paths: list[Path]) -> list[Path]:
    """Files as they are, and of a folder the training shards that lie there now."""
    return sorted(file for path in paths for file in (path.glob("train-*.npz") if path.is_dir() else (path,)))


def load_shards(paths: list[Path], device: torch.device, so_far: Shard | None = None) -> Shard:
    """Read .npz shards into one, behind those read so far, on the device that trains."""
    parts = [np.load(path) for path in paths]
    tokens = np.concatenate([part["tokens"] for part in parts]).astype(np.int16)
    prompt = np.concatenate([part["prompt"] for part in parts]).astype(np.int64)
    lengths = np.concatenate([np.diff(part["offsets"]) for part in parts])
    on_device = torch.from_numpy(tokens).to(device), torch.from_numpy(prompt).to(device)
    if so_far is not None:
        lengths = np.concatenate([so_far.lengths, lengths])
        on_device = torch.cat([so_far.tokens, on_device[0]]), torch.cat([so_far.prompt, on_device[1]])
    offsets = torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)])).to(device)
    return Shard(on_device[0], offsets, on_device[1], lengths)


def batches(shard: Shard, tokens_per_batch: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """One pass over the shard in batches of similar length; yields sample indices."""
    lengths = shard.lengths
    order = rng.permutation(len(shard))
    # Enough requests to sort that the lengths of a batch are alike, few enough that batches stay mixed.
    together = max(20_000, tokens_per_batch * 2)
    for chunk in np.array_split(order, max(1, len(order) // together)):
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
    device = shard.tokens.device
    rows = torch.from_numpy(indices).to(device, non_blocking=True)
    width = int(shard.lengths[indices].max())
    place = torch.arange(width, device=device)
    length = shard.offsets[rows + 1] - shard.offsets[rows]
    position = shard.offsets[rows, None] + place
    last = len(shard.tokens) - 1
    ids = shard.tokens[position.clamp(max=last)].long()
    following = shard.tokens[(position + 1).clamp(max=last)].long()
    labelled = (place >= shard.prompt[rows, None] - 1) & (place < length[:, None] - 1)
    return (
        ids.masked_fill(place >= length[:, None], PAD_ID),
        following.masked_fill(~labelled, -100),
    )


def label_logits(network: Network, ids: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (m, vocab) and targets (m,) at the positions that have a label."""
    with torch.autocast(ids.device.type, torch.bfloat16):
        hidden = network(ids)
        wanted = labels >= 0
        logits = hidden[wanted] @ network.token_embd.weight.T.to(hidden.dtype)
    return logits.float(), labels[wanted]


@torch.no_grad()
def exact_match(network: Network, shard: Shard, limit: int) -> float:
    """Share of samples whose every output token is the most likely one: greedy decoding would be exact."""
    network.eval()
    right = total = 0
    order = np.argsort(shard.lengths[:limit], kind="stable")
    for indices in np.array_split(order, max(1, len(order) // 128)):
        ids, labels = collate(shard, indices)
        logits, wanted = label_logits(network, ids, labels)
        rows = torch.nonzero(labels >= 0)[:, 0]
        wrong = torch.zeros(len(indices), device=rows.device)
        wrong.index_add_(0, rows, (logits.argmax(-1) != wanted).float())
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
        """Update all parameters; matrices of one shape together, which a GPU likes."""
        for group in self.param_groups:
            alike: dict[torch.Size, list[Tensor]] = {}
            for p in group["params"]:
                if p.grad is not None:
                    alike.setdefault(p.shape, []).append(p)
            for shape, params in alike.items():
                gradient = torch.stack([p.grad for p in params if p.grad is not None])
                state = self.state[params[0]]
                buffer = state.setdefault("momentum", torch.zeros_like(gradient))
                buffer.lerp_(gradient, 1 - group["momentum"])
                update = orthogonalise(gradient.lerp(buffer, group["momentum"]))
                torch._foreach_mul_(params, 1 - group["lr"] * 0.05)
                scale = group["lr"] * max(1.0, shape[0] / shape[1]) ** 0.5
                torch._foreach_add_(params, list(update.unbind(0)), alpha=-scale)


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """(n, rows, columns) to the nearest semi-orthogonal ones, roughly: a quintic Newton-Schulz iteration."""
    a, b, c = 3.4445, -4.7750, 2.0315
    norm = matrices.norm(dim=(1, 2), keepdim=True)
    x = (matrices / (norm + 1e-7)).bfloat16()  # enough for a direction, and several times faster
    transposed = x.shape[1] > x.shape[2]
    if transposed:
        x = x.mT
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if transposed else x).float()


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
    arrays = {name: p.detach().float().cpu().numpy() for name, p in network.named_parameters()}
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
    parser.add_argument("--train", type=Path, nargs="+", required=True, help="shards, or folders of them")
    parser.add_argument("--validation", type=Path, required=True)
    parser.add_argument("--vocab-size", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=45)
    parser.add_argument("--layers", type=int, dest="n_layers")
    parser.add_argument("--hidden", type=int, dest="hidden_size")
    parser.add_argument("--heads", type=int, dest="n_heads")
    parser.add_argument("--kv-heads", type=int, dest="n_kv_heads")
    parser.add_argument("--feed-forward", type=int, dest="intermediate_size")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch-tokens", type=int, default=8192)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--matrix-lr", type=float, default=0.02)
    parser.add_argument("--report", type=float, default=120, help="seconds between checkpoints")
    parser.add_argument("--init", type=Path, help="weights to go on from")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    run(parser.parse_args())


def network_of(args: argparse.Namespace, device: torch.device) -> Network:
    """A network of the shape of --init, or of the default one, where nothing else was asked."""
    shape: dict[str, int | float] = {}
    if args.init is not None:
        with np.load(args.init) as arrays:
            shape = json.loads(str(arrays["config"]))
    asked = ("vocab_size", "n_layers", "hidden_size", "n_heads", "n_kv_heads", "intermediate_size")
    shape |= {name: getattr(args, name) for name in asked if getattr(args, name) is not None}
    network = Network(NetworkConfig(**shape))  # type: ignore[arg-type]
    if args.init is not None:
        load(network, args.init)
    network.to(device)
    return network


@dataclass
class Progress:
    """How far a run is, and the lines that tell it."""

    minutes: float
    start: float
    reported: float
    step: int = 0
    seen: int = 0
    tokens: int = 0

    @classmethod
    def begin(cls, minutes: float) -> "Progress":
        """The clock starts."""
        now = time.monotonic()
        return cls(minutes, now, now)

    @property
    def share(self) -> float:
        """Of the run's time, how much has gone."""
        return (time.monotonic() - self.start) / (60 * self.minutes)

    def line(self, loss: float, exact: float) -> str:
        """One line of the run's table."""
        seconds = time.monotonic() - self.start
        return (
            f"{seconds / 60:5.1f} min  step {self.step:5d}  seen {self.seen:10,d}  "
            f"loss {loss:.4f}  exact {exact:.4f}  {self.tokens / seconds:,.0f} tok/s"
        )


def run(args: argparse.Namespace) -> None:
    """The training loop. Folders are read again at each pass: a generator may still be writing there."""
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    device = torch.device(args.device)
    rng = np.random.default_rng(args.seed)
    validation = load_shards([args.validation], device)
    network = network_of(args, device)
    print(f"{sum(p.numel() for p in network.parameters()):,} parameters on {device}", flush=True)
    chosen = optimizers(network, args.lr, args.matrix_lr)
    average = torch.zeros((), device=device)
    progress = Progress.begin(args.minutes)
    files = shard_files(args.train)
    train = load_shards(files, device)
    while True:
        if new := [file for file in shard_files(args.train) if file not in files]:
            train = load_shards(new, device, train)
            files += new
        print(f"{len(train):,} requests in {len(files)} files", flush=True)
        for indices in batches(train, args.batch_tokens, rng):
            share = progress.share
            if time.monotonic() - progress.reported > args.report or share >= 1:
                exact = exact_match(network, validation, 2000)
                save(network, args.out)
                print(progress.line(float(average), exact), flush=True)
                progress.reported = time.monotonic()
            if share >= 1:
                return
            loss = train_step(network, chosen, collate(train, indices), rate(share, progress.step))
            average.lerp_(loss, 1.0 if progress.step == 0 else 0.02)
            progress.step += 1
            progress.seen += len(indices)
            progress.tokens += len(indices) * int(train.lengths[indices].max())


def train_step(
    network: Network,
    chosen: list[torch.optim.Optimizer],
    batch: tuple[Tensor, Tensor],
    share_of_rate: float,
) -> Tensor:
    """One update; returns the loss, on the device, so that nobody waits for it."""
    logits, wanted = label_logits(network, *batch)
    loss = cross_entropy(logits, wanted)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    for optimizer in chosen:
        for group in optimizer.param_groups:
            group.setdefault("peak", group["lr"])
            group["lr"] = group["peak"] * share_of_rate
        optimizer.step()
        optimizer.zero_grad()
    return loss.detach()


if __name__ == "__main__":
    main()
