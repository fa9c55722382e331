"""One file per GGML block format: layout, quantize, dequantize; the table of them lives in formats.py."""
