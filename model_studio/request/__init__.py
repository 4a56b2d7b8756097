"""What the user asked for, checked before anything is sent, as the JSON that the service reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .. import catalog
from ..catalog import TOKEN_PLANS, Endpoint, Model, Size
from ..errors import InvalidRequest
from ..words import Text
from . import checks, notes, options
from .checks import MAX_LINKED_SEED, MAX_SEED
from .options import Options


@dataclass(frozen=True)
class ImageRequest:
    """A request that passed every check: what is sent, and what the user should know about it (`notes`).

    other_endpoint  for sync calls, where the call mode leaves the choice and `endpoint` makes tasks
    identities      the JSON bodies by which earlier runs of it are known, its own first
    options         parameters that only some models read, as they are sent
    n               of a set the most
    """

    model: Model
    region: str
    endpoint: Endpoint
    prompt: str
    size: Size
    n: int
    seed: int
    negative_prompt: str
    prompt_extend: bool
    watermark: bool
    notes: tuple[Text, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    other_endpoint: Endpoint | None = None
    first_endpoint: Endpoint | None = None  # that it was planned for, where it is called in another mode

    def by_sync_call(self) -> ImageRequest | None:
        """The same request for an account that may use the model by sync calls only; None where it leaves no choice."""
        if self.other_endpoint is None:
            return None
        note = Text(
            "{model} takes no tasks (async calls) with this account, so it was called in sync mode.",
            model=self.model.name,
        )
        return replace(
            self,
            endpoint=self.other_endpoint,
            other_endpoint=None,
            first_endpoint=self.endpoint,
            notes=(*self.notes, note),
        )

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body that is sent."""
        return self._body(self.endpoint, self.model.takes)

    @property
    def identities(self) -> list[dict[str, Any]]:
        endpoint, takes, before = self.first_endpoint or self.endpoint, self.model.takes, self.model.once_took
        return [self._body(endpoint, taken) for taken in ([takes, takes | before] if before else [takes])]

    def _body(self, endpoint: Endpoint, takes: frozenset[str]) -> dict[str, Any]:
        """n, size and seed are always in it: an absent n buys four pictures of Wan (documentation)."""
        parameters: dict[str, Any] = {"size": str(self.size), "n": self.n, "seed": self.seed}
        parameters |= {name: getattr(self, name) for name in ("prompt_extend", "watermark") if name in takes}
        parameters |= self.options
        negative = {"negative_prompt": self.negative_prompt} if "negative_prompt" in takes else {}
        if endpoint.shape == "prompt":
            # The prompt shape reads the negative prompt beside the prompt (specification, SDK).
            wanted: dict[str, Any] = {"prompt": self.prompt} | negative
        else:
            wanted = {"messages": [{"role": "user", "content": [{"text": self.prompt}]}]}
            parameters |= negative
        return {"model": self.model.ids[self.region], "input": wanted, "parameters": parameters}

    @property
    def in_credits(self) -> bool:
        """Whether it is paid with the credits of a plan, and not with money."""
        return self.region in TOKEN_PLANS

    @property
    def price(self) -> tuple[float, str] | None:
        """List price of one picture as (amount, currency)."""
        return self.model.price(self.region, self.size, self.prompt_extend)


def plan(
    *,
    models: Sequence[Model] = catalog.ALL_MODELS,
    prompt: str,
    model: str,
    aspect_ratio: str,
    width: int,
    height: int,
    n: int,
    seed: int,
    negative_prompt: str,
    prompt_extend: bool,
    watermark: bool,
    region: str,
    call_mode: str,
    **more: Any,
) -> ImageRequest:
    """Checks everything and gives the request to send. Raises InvalidRequest with what would work instead.

    `models` are those to choose from; `region` is a real one (see regions.api_host); width and height in pixels count
    only for aspect_ratio `custom`; of a set `n` is the most; `more`: see options.Options.
    """
    checks.check_types(locals() | more)
    wanted = Options(**more)
    entry = checks.check_model(model, models)
    checks.check_prompt(prompt)
    checks.check_text("negative_prompt", negative_prompt)
    checks.check_region(entry, region)
    checks.check_n(entry, n)
    if not 0 <= seed <= MAX_LINKED_SEED:
        raise InvalidRequest(Text("The seed is out of range."), Text("It goes from 0 to {most}.", most=MAX_SEED))
    endpoint = checks.check_call_mode(entry, call_mode, region)
    sent = options.on_wire(entry, wanted, prompt_extend)
    size = checks.check_size(entry, aspect_ratio, width, height, wanted.resolution)
    return ImageRequest(
        model=entry,
        region=region,
        endpoint=endpoint,
        prompt=prompt,
        size=size,
        n=n,
        seed=seed % (MAX_SEED + 1),
        negative_prompt=negative_prompt,
        prompt_extend=prompt_extend,
        watermark=watermark,
        notes=(
            *notes.size_notes(entry, size),
            *notes.seed_notes(seed),
            *notes.prompt_notes(entry, prompt, negative_prompt),
            *notes.unused_notes(entry, negative_prompt, watermark),
            *options.notes(entry, wanted, prompt_extend),
        ),
        options=sent | ({"enable_sequential": True} if entry.is_set else {}),
        other_endpoint=entry.sync if call_mode == "auto" and endpoint.is_async else None,
    )
