"""What nodes and routes both need of ComfyUI: the one Studio of this process, the page's language, consoles."""
