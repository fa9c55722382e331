"""A file on disk becomes a Checkpoint: metadata and tensors."""
