"""Constraints on what a model may write: JSON schemas, regular expressions, Lark grammars, tool calls."""
