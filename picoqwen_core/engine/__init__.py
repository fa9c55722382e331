"""Generation: sessions, the worker process, and the asyncio client in front of it."""
