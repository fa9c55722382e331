"""GET /api/v1/models and GET /v1/models: what can be asked."""

from typing import Any

from aiohttp import web

from picoqwen_core.messages import InstalledModel
from picoqwen_core.server.state import state_of


async def models(request: web.Request) -> web.Response:
    """Id, size in bytes and whether it is loaded; what only the loaded model tells is null until then."""
    return web.json_response({"data": [_entry(model) for model in state_of(request).router.models]})


def _entry(model: InstalledModel) -> dict[str, Any]:
    info = model.info
    return {
        "id": model.id,
        "size": model.size_bytes,
        "loaded": model.loaded,
        "parameters": info.parameters if info else None,
        "quantization": info.quantization if info else None,
        "context_length": info.context_length if info else None,
        "built_in": info.built_in if info else None,
    }


async def openai_models(request: web.Request) -> web.Response:
    """OpenAI's shape."""
    data = [
        {"id": model.id, "object": "model", "created": 0, "owned_by": "picoqwen"}
        for model in state_of(request).router.models
    ]
    return web.json_response({"object": "list", "data": data})
