"""What the pack's part of the page asks ComfyUI's server: one file per topic, each with a table of its routes."""

from server import PromptServer

from . import keys, language, quotes, records
from .guard import guarded

PREFIX = "/model_studio"
_PRIVATE = (keys, records)
_OPEN = (language, quotes)  # nothing in them is secret, and every node of the page needs them


def register() -> None:
    """Adds the routes to ComfyUI's server, before it starts; the registry lists a pack's nodes without one."""
    server = getattr(PromptServer, "instance", None)
    if server is None:
        return
    for topic in (*_PRIVATE, *_OPEN):
        for method, path, handler in topic.ROUTES:
            server.routes.route(method, PREFIX + path)(guarded(handler, private=topic in _PRIVATE))
