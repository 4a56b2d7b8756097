"""Which plans are refused."""

from rig.pip import gpu_packages


def plan(*names: str) -> dict[str, list[dict[str, dict[str, str]]]]:
    return {"install": [{"metadata": {"name": name}} for name in names]}


def test_gpu_packages_are_found() -> None:
    names = ["torch", "nvidia-cublas", "nvidia-cudnn-cu13", "cuda-toolkit", "cuda_bindings", "triton", "pytorch-triton"]
    assert gpu_packages(plan(*names)) == sorted(names[1:])


def test_other_packages_pass() -> None:
    assert gpu_packages(plan("torch", "tritonclient", "torchvision", "numpy", "cudapoint")) == []
