"""Qwen3's configuration, forward pass and KV cache."""
