"""Something that answers a ChatRequest."""
