"""The peer: llama.cpp, built from the sources inside llama-cpp-python, and what its tools measure."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from benchmarks.random_models import FOLDER

PACKAGE = "llama-cpp-python==0.3.36"
_ROOT = FOLDER / "llama.cpp"
_OPTIONS = (
    *("-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DBUILD_SHARED_LIBS=OFF", "-DLLAMA_CURL=OFF"),
    *("-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_UI=OFF", "-DLLAMA_OPENSSL=OFF"),
)
_NATIVE = ("-DGGML_NATIVE=ON",)
_AVX2 = (
    *("-DGGML_NATIVE=OFF", "-DGGML_SSE42=ON", "-DGGML_AVX=ON", "-DGGML_AVX2=ON", "-DGGML_FMA=ON"),
    *("-DGGML_F16C=ON", "-DGGML_BMI2=ON", "-DGGML_AVX512=OFF"),
)


def tool(name: str, *, avx512: bool) -> Path:
    """Path of a llama.cpp program, built first where it is not there yet (minutes).

    avx512: for this very CPU, else for AVX2 only. Raises SystemExit where it cannot be built.
    """
    build = _ROOT / ("native" if avx512 else "avx2")
    program = build / "bin" / name
    if program.exists():
        return program
    for needed in ("cmake", "ninja", "c++"):
        if shutil.which(needed) is None:
            raise SystemExit(f"llama.cpp cannot be built: {needed} is not installed")
    source = _source()
    options = (*_OPTIONS, *(_NATIVE if avx512 else _AVX2))
    print(f"building llama.cpp's {name} (once, some minutes) ...", file=sys.stderr, flush=True)
    for command in (
        ["cmake", "-S", str(source), "-B", str(build), *options],
        ["cmake", "--build", str(build), "--target", name],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"building llama.cpp failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return program


def _source() -> Path:
    """The unpacked sources."""
    source = _ROOT / "source"
    if source.exists():
        return source
    _ROOT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_ROOT) as scratch:
        python = shutil.which("python3", path=os.defpath) or sys.executable
        command = [python, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        subprocess.run([*command, "--dest", scratch, PACKAGE], check=True)
        (archive,) = Path(scratch).glob("*.tar.gz")
        with tarfile.open(archive) as package:
            package.extractall(scratch, filter="data")
        (unpacked,) = Path(scratch).glob("*/vendor/llama.cpp")
        unpacked.rename(source)
    return source


def bench(model: Path, threads: int, *, avx512: bool, prompt: int, tokens: int) -> tuple[float, float]:
    """llama-bench: tokens a second of a prompt and of decoding at context 0, the best of two runs."""
    done = subprocess.run(
        [
            *(tool("llama-bench", avx512=avx512), "-m", model, "-t", str(threads), "-o", "json"),
            *("-p", str(prompt), "-n", str(tokens), "-r", "2"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = json.loads(done.stdout)
    speeds = {bool(row["n_gen"]): max(row["samples_ts"]) for row in rows}
    return speeds[False], speeds[True]
