"""What the pack's part of the page asks ComfyUI's server: one file per topic, each with a table of its routes."""

import inspect
import logging
from pathlib import Path

from server import PromptServer

from . import keys, language, quotes, records
from .guard import guarded

log = logging.getLogger(__name__)

PREFIX = "/model_studio"
_PRIVATE = (keys, records)
_OPEN = (
    language,
    quotes,
)  # every node of the page needs them: they tell nothing private to a page that could be anybody's


def register() -> None:
    """Adds the routes to ComfyUI's server, before it starts; the registry lists a pack's nodes without one."""
    server = getattr(PromptServer, "instance", None)
    if server is None:
        return
    if theirs := next((route.handler for route in server.routes if route.path.startswith(PREFIX)), None):
        copies = (Path(inspect.getfile(inspect.unwrap(handler))).parent.parent for handler in (theirs, keys.list_keys))
        log.warning("Model Studio Text2Image is installed twice, in %s and %s. Delete one of these folders.", *copies)
        return
    for topic in (*_PRIVATE, *_OPEN):
        for method, path, handler in topic.ROUTES:
            server.routes.route(method, PREFIX + path)(guarded(handler, private=topic in _PRIVATE))
