"""GET /api/v1/models and GET /v1/models: what can be asked."""

from aiohttp import web

from picoqwen_core.server.state import state_of


async def models(request: web.Request) -> web.Response:
    """The plan's shape: id, size in bytes, and whether it is loaded."""
    router = state_of(request).router
    data = [
        {
            "id": info.id,
            "size": info.size_bytes,
            "loaded": router.is_available(),
            "parameters": info.parameters,
            "quantization": info.quantization,
            "context_length": info.context_length,
            "built_in": info.built_in,
        }
        for info in router.models
    ]
    return web.json_response({"data": data})


async def openai_models(request: web.Request) -> web.Response:
    """OpenAI's shape."""
    data = [
        {"id": info.id, "object": "model", "created": 0, "owned_by": "picoqwen"}
        for info in state_of(request).router.models
    ]
    return web.json_response({"object": "list", "data": data})
