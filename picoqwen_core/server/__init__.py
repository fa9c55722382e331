"""The HTTP API: aiohttp, one file per resource."""
