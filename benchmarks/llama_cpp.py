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
_PORTABLE = (
    *("-DGGML_NATIVE=OFF", "-DGGML_SSE42=ON", "-DGGML_AVX=ON", "-DGGML_AVX2=ON", "-DGGML_FMA=ON"),
    *("-DGGML_F16C=ON", "-DGGML_BMI2=ON", "-DGGML_AVX512=OFF"),
)
_SSE = tuple(f"-DGGML_{name}=OFF" for name in ("NATIVE", "AVX", "AVX2", "FMA", "F16C", "BMI2", "AVX512"))
# What llama.cpp is built for where our kernels are those of an instruction set, by our name of it. Against
# the generic ones it has no vectors wider than SSE4.2's.
BUILDS = {
    "avx512_vnni": ("native", ("-DGGML_NATIVE=ON",)),
    "avx_vnni": ("avx_vnni", (*_PORTABLE, "-DGGML_AVX_VNNI=ON")),
    "avx2": ("avx2", _PORTABLE),
    "neon_dotprod": ("native", ("-DGGML_NATIVE=ON",)),
    "generic": ("generic", (*_SSE, "-DGGML_SSE42=ON")),
}


def tool(name: str, isa: str = "avx512_vnni") -> Path:
    """Path of a llama.cpp program, built first where it is not there yet (minutes).

    isa: a key of BUILDS. Raises SystemExit where it cannot be built.
    """
    folder, chosen = BUILDS[isa]
    build = _ROOT / folder
    program = build / "bin" / name
    if program.exists():
        return program
    for needed in ("cmake", "ninja", "c++"):
        if shutil.which(needed) is None:
            raise SystemExit(f"llama.cpp cannot be built: {needed} is not installed")
    source = _source()
    options = (*_OPTIONS, *chosen)
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


def bench(model: Path, threads: int, isa: str, *, prompt: int, tokens: int) -> tuple[float, float]:
    """llama-bench: tokens a second of a prompt and of decoding at context 0, the best of two runs."""
    done = subprocess.run(
        [
            *(tool("llama-bench", isa), "-m", model, "-t", str(threads), "-o", "json"),
            *("-p", str(prompt), "-n", str(tokens), "-r", "2"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = json.loads(done.stdout)
    speeds = {bool(row["n_gen"]): max(row["samples_ts"]) for row in rows}
    return speeds[False], speeds[True]
