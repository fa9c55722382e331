"""From a checkpoint to a file: GGUF in any block format, qwen3-rs's layouts; adapters merged on the way."""
