"""Pages and switches for people and other processes, below `/_simulator/`; the real service has nothing like it."""

from __future__ import annotations

import dataclasses
import html
import json
from typing import Any

from aiohttp import web

from simulator.faults import KINDS
from simulator.models import MODELS
from simulator.server import Face, Received

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .2rem .6rem .2rem 0 }
tr { border-bottom: 1px solid #ddd } code, pre { background: #f3f3f3; padding: .1rem .3rem } .big { background: #ffe9a8;
padding: .6rem 1rem; border-radius: .4rem }
"""


class Control:
    """Looks into a running simulator and switches its faults and clock."""

    def __init__(self, face: Face) -> None:
        self.face, self.service = face, face.service

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/", self._to_page)
        app.router.add_get("/_simulator/", self._page)
        app.router.add_get("/_simulator/requests", self._requests)
        app.router.add_get("/_simulator/billing", self._billing)
        app.router.add_get("/_simulator/faults", self._faults)
        app.router.add_post("/_simulator/faults", self._add_fault)
        app.router.add_delete("/_simulator/faults", self._clear_faults)
        app.router.add_post("/_simulator/clock", self._advance)

    async def _requests(self, request: web.Request) -> web.Response:
        return web.json_response([self._shown(received) for received in list(self.face.requests)])

    async def _billing(self, request: web.Request) -> web.Response:
        return web.json_response([dataclasses.asdict(charge) for charge in self.service.billed])

    async def _faults(self, request: web.Request) -> web.Response:
        active = [
            {"fault": f.name, "on": f.place, "model": f.model, "times": f.times, "after": f.after, **f.parameters}
            for f in self.service.faults.active()
        ]
        known = {name: {"says": k.says, "on": k.places, **k.parameters} for name, k in KINDS.items()}
        return web.json_response({"active": active, "known": known})

    async def _add_fault(self, request: web.Request) -> web.Response:
        """Body: `{"fault": name, "on": place, "model": id, "times": 2, "after": 0, ...its parameters}`."""
        try:
            body = await _json_object(request)
            self.service.faults.add(body.pop("fault", ""), **body)
        except (ValueError, TypeError) as wrong:
            return web.json_response({"error": str(wrong)}, status=400)
        return await self._faults(request)

    async def _clear_faults(self, request: web.Request) -> web.Response:
        self.service.faults.clear()
        return await self._faults(request)

    async def _advance(self, request: web.Request) -> web.Response:
        """Body: `{"advance": seconds}`."""
        try:
            self.service.clock.advance(float((await _json_object(request))["advance"]))
        except (ValueError, TypeError, KeyError):
            return web.json_response({"error": 'expected {"advance": seconds}'}, status=400)
        return web.json_response({"now": self.service.clock.now()})

    def _shown(self, received: Received) -> dict[str, Any]:
        """A request without the key: only whose it was."""
        headers = dict(received.headers)
        for name in headers:
            if name.lower() == "authorization":
                account = self.service.config.keys.get(headers[name].partition(" ")[2])
                headers[name] = f"({account.id}, {account.region})" if account else "(no known key)"
        return {
            "time": received.time,
            "method": received.method,
            "path": received.path,
            "query": received.query,
            "headers": headers,
            "body": received.body,
            "status": received.status,
        }

    async def _to_page(self, request: web.Request) -> web.Response:
        raise web.HTTPFound("/_simulator/")

    async def _page(self, request: web.Request) -> web.Response:
        now, origin = self.service.clock.now(), f"{request.scheme}://{request.host}"
        tasks = [
            (task.id, task.model, task.region, task.state(now), getattr(task.outcome, "prompt", ""))
            for task in reversed(list(self.service.tasks.values())[-20:])
        ]
        billed = self.service.billed
        charges = [(c.model, c.region, c.images, c.size, c.task_id or "synchronous") for c in reversed(billed[-20:])]
        models = [(m.id, ", ".join(m.regions), m.size, f"1 to {m.n_max}; {m.n} when absent") for m in MODELS.values()]
        keys = [(key, account.region, account.id) for key, account in self.service.config.keys.items()]
        body = f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Model Studio simulator</title>
<style>{STYLE}</style></head><body><h1>Model Studio simulator</h1>
<p class="big">This is a <b>simulator</b> on this computer. No picture comes from a model, and nothing costs money.</p>
<p>Point the node pack at it before ComfyUI starts:</p>
<pre>DASHSCOPE_HTTP_BASE_URL={html.escape(origin)}/api/v1
DASHSCOPE_API_KEY={html.escape(next(iter(self.service.config.keys), ""))}</pre>
<h2>Keys</h2>{_table(("key", "region", "account"), keys)}
<h2>Recent tasks</h2>{_table(("task", "model", "region", "state", "prompt"), tasks)}
<h2>Billed (as the service would): {sum(c.images for c in billed)} images</h2>
{_table(("model", "region", "images", "size", "task"), charges)}
<h2>Models</h2>{_table(("model", "regions", "size", "n"), models)}
<h2>Faults</h2><p><code>POST /_simulator/faults</code> with <code>{{"fault": "throttle", "times": 2}}</code>,
<code>DELETE /_simulator/faults</code> for none.</p>
{_table(("fault", "says", "strikes at"), [(n, k.says, ", ".join(k.places)) for n, k in KINDS.items()])}
<p>Also: <a href="requests">requests</a>, <a href="billing">billing</a>, <a href="faults">faults</a>.</p>
</body></html>"""
        return web.Response(text=body, content_type="text/html")


async def _json_object(request: web.Request) -> dict[str, Any]:
    body = json.loads(await request.read())
    if not isinstance(body, dict):
        raise ValueError("expected a JSON object")
    return body


def _table(heads: tuple[str, ...], rows: list[Any]) -> str:
    """Cells may be anything a stranger wrote, so all are escaped."""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in heads)
    lines = ("".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) for row in rows)
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"
