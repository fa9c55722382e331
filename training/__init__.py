"""Makes the built-in model: homes and requests are generated, nothing is collected."""
