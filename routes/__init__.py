"""What the pack's part of the page asks ComfyUI's server: one file per topic, each with a table of its routes."""

from server import PromptServer

from . import keys, quotes
from .guard import guarded

PREFIX = "/model_studio"


def register() -> None:
    """Adds the routes to ComfyUI's server, before it starts."""
    for method, path, handler in (*keys.ROUTES, *quotes.ROUTES):
        PromptServer.instance.routes.route(method, PREFIX + path)(guarded(handler))
