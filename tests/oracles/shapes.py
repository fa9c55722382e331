"""The random models on which our logits are compared with the oracles. Needs only NumPy."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """A model shape, and the prompt lengths to compare."""

    name: str
    seed: int
    hidden_size: int
    n_layers: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    intermediate_size: int
    vocab_size: int
    tied: bool
    prompts: tuple[int, ...]

    def weights_arguments(self) -> dict[str, int | bool]:
        """What tests.factories.random_weights takes."""
        skipped = ("name", "prompts")
        return {key: getattr(self, key) for key in self.__dataclass_fields__ if key not in skipped}


SHAPES = (
    Shape("square_tied", 1, 128, 2, 4, 2, 32, 192, 400, True, (1, 2, 7, 300)),
    Shape("wide_heads_untied", 2, 96, 3, 4, 1, 64, 160, 333, False, (1, 5, 64, 257)),
    Shape("narrow_heads_tied", 3, 256, 2, 4, 4, 32, 320, 512, True, (3, 33, 600)),
    Shape("long_untied", 4, 64, 2, 2, 1, 64, 96, 256, False, (2000,)),
)
ROPE_THETA = 1e6
RMS_EPS = 1e-6
GREEDY_TOKENS = 64
