"""Save Original Pictures: the service's own files, as they came, into ComfyUI's output folder."""

from __future__ import annotations

import io as bytes_io
import json
from collections.abc import Sequence
from pathlib import Path

import folder_paths
from comfy.cli_args import args
from comfy_api.latest import io, ui
from PIL import Image, UnidentifiedImageError

from ..comfyui.language import in_users_language
from ..comfyui.studio import studio
from ..model_studio.errors import InvalidRequest, PictureUnsaved
from ..model_studio.kinds import ending_of, kind_of
from ..model_studio.runs.originals import named
from ..model_studio.runs.outcomes import Outcome
from ..model_studio.runs.saving import save, with_texts
from ..model_studio.words import Text
from .comfyui import finish, running
from .inputs import CATEGORY
from .search import found_by

PATIENCE = 600  # seconds; nothing is asked of the service


class SaveOriginal(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ModelStudioSaveOriginal",
            display_name="Save Original Pictures",
            category=CATEGORY,
            description="Saves the files of the service as they came, with their metadata and AI label, in ComfyUI's "
            "output folder. They come from the store on this machine: nothing is sent, and nothing is paid for.",
            inputs=[
                io.String.Input(
                    "source",
                    default="",
                    placeholder="9e2b6ef6-285d-4efa-8651-4dbda7d571fa",
                    tooltip="Link the info of the node that made the pictures, or enter one task id or several, "
                    "separated by commas, blanks or line ends.",
                ),
                io.String.Input(
                    "filename_prefix",
                    default="ModelStudio",
                    tooltip="How the files' names begin, as in Save Image; with slashes in folders of their own.",
                ),
                io.Boolean.Input(
                    "workflow_metadata",
                    default=False,
                    tooltip="Adds the workflow to PNG files, so that ComfyUI opens it from them; all that was in the "
                    "file stays. Files of other kinds stay as they came.",
                ),
            ],
            outputs=[],
            hidden=[io.Hidden.unique_id, io.Hidden.prompt, io.Hidden.extra_pnginfo],
            is_input_list=True,  # one run for all of a list: files in its order
            is_output_node=True,
            **found_by("save image", "download", "original"),
        )

    @classmethod
    def validate_inputs(cls, source: Sequence[str | None] = (None,)) -> bool:
        with in_users_language():
            for text in source:
                if text is not None:  # None: linked
                    named(text)
        return True

    @classmethod
    async def execute(
        cls,
        source: list[str],
        filename_prefix: list[str],
        workflow_metadata: list[bool],
        unique_id: object = None,
    ) -> io.NodeOutput:
        saved = list[ui.SavedResult]()
        notes = list[Text]()
        with running(cls, PATIENCE) as waiting:
            for place, text in enumerate(source):
                files = _Files(filename_prefix[min(place, len(filename_prefix) - 1)])
                async for content in studio().originals(text, waiting, notes):
                    texts = _workflow(cls) if workflow_metadata[0] else {}
                    saved.append(await waiting.run(files.add, content, texts))
                    if texts and kind_of(content) != "PNG":
                        notes.append(Text("The workflow was added to PNG files only."))
        told = list(dict.fromkeys(notes))
        finish(cls, {}, Outcome(said=Text("original files saved: {count}", count=len(saved)), notes=told))
        return io.NodeOutput(ui=ui.SavedImages(saved))


class _Files:
    """Files of one prefix, with ascending numbers."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._next = 0
        self._count = 0

    def add(self, content: bytes, texts: dict[str, str]) -> ui.SavedResult:
        """Blocking. Raises InvalidRequest, PictureUnsaved."""
        folder, name, number, subfolder = _place(self._prefix, content)
        kind = kind_of(content)
        if kind == "PNG":
            content = with_texts(content, texts)
        name = name.replace("%batch_num%", str(self._count))
        file, used = save(Path(folder), name, max(number, self._next), ending_of(kind), content)
        self._next, self._count = used + 1, self._count + 1
        return ui.SavedResult(file, subfolder, io.FolderType.output)


def _place(prefix: str, content: bytes) -> tuple[str, str, int, str]:
    """Folder, begin of the name, first number that may be free, and the folder below the output folder, by ComfyUI."""
    try:
        folder, name, number, subfolder, _ = folder_paths.get_save_image_path(
            prefix, folder_paths.get_output_directory(), *_size(content)
        )
    except OSError as error:
        raise PictureUnsaved(
            Text(
                "The folder of the filename prefix {prefix!r:.80} cannot be used: {reason}.",
                prefix=prefix,
                reason=error.strerror,
            ),
        ) from error
    except Exception as error:  # ComfyUI's own refusal has no class, and tells paths of this machine
        raise InvalidRequest(
            Text("The filename prefix {prefix!r:.80} does not lead into the output folder.", prefix=prefix),
            Text("Enter a name, or folders and a name such as boats/red."),
        ) from error
    return folder, name, number, subfolder


def _size(content: bytes) -> tuple[int, int]:
    """Width and height in pixels, for %width% and %height%; 0 where Pillow does not know the kind."""
    try:
        with Image.open(bytes_io.BytesIO(content)) as image:
            width, height = image.size
            return width, height
    except (UnidentifiedImageError, OSError, ValueError):
        return 0, 0


def _workflow(node: type[io.ComfyNode]) -> dict[str, str]:
    """What Save Image writes, by the same names."""
    if args.disable_metadata:
        return {}
    texts = {"prompt": node.hidden.prompt} if node.hidden.prompt else {}
    return {name: json.dumps(value) for name, value in {**texts, **(node.hidden.extra_pnginfo or {})}.items()}
