"""Pico-Qwen's inference server: a Qwen3 engine in Numba, an HTTP API, and a built-in home model."""

__version__ = "0.1.0"
