#!/usr/bin/env python3
"""Times bowsight's stages beside the strongest other programs and writes docs/benchmarks.md.

    python3 tools/compare_peers.py --environment DIR [--vlfeat DIR | --library LIBVL.so]
    python3 tools/compare_peers.py --environment DIR --networks     networks beside PyTorch, docs/benchmarks-networks.md

Peers and bowsight run in turns on the same data, and their answers are compared: a faster wrong answer does not count. The other programs are
installed in the environment, in the versions of tools/requirements.txt; VLFeat is compiled from its sources, which have to be there
(https://www.vlfeat.org, version 0.9.21), or loaded as it is; without it the stages that need it are left out, and the page says so.

Needs Python 3.11 or later, a C compiler for VLFeat, and a quiet machine: whatever else runs on it is noted on the page.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VLFEAT_PARTS = "dsift generic host imopv imopv_sse2 mathop mathop_avx mathop_sse2 random".split()
VLFEAT_FLAGS = "-std=gnu99 -Ofast -march=native -fPIC -shared -w -DVL_BUILD_DLL".split()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environment", type=Path, required=True, metavar="DIR", help="folder for the other programs (made if it is not there)")
    parser.add_argument("--vlfeat", type=Path, metavar="DIR", help="VLFeat's sources, the folder that holds vl/")
    parser.add_argument("--library", type=Path, metavar="FILE", help="VLFeat as a shared object, instead of its sources")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="a JPEG of 500x375 pixels [default: one of PASCAL VOC from ../shared, else data/chelsea.png scaled and cut]")
    parser.add_argument("--threads", type=int, default=2, help="threads of the stages that are not timed on one [default: 2]")
    parser.add_argument("--runs", type=int, default=7, help="runs of each, at least 5 [default: 7]")
    parser.add_argument("--only", default="", metavar="TEXT", help="only the stages whose name contains this; the page is printed, not written")
    parser.add_argument("--networks", action="store_true", help="networks beside PyTorch and zennit, on one thread")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the page [default: docs/benchmarks.md, with --networks docs/benchmarks-networks.md]")
    given = parser.parse_args()
    if given.runs < 5:
        parser.error(f"--runs must be at least 5, got {given.runs}")
    if given.threads < 1:
        parser.error(f"--threads must be at least 1, got {given.threads}")
    return given


def environment(folder, requirements):
    """The Python of an environment that has exactly the pinned versions."""
    python = folder / "bin" / "python"
    wanted = requirements.read_text()
    mark = folder / "requirements.txt"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    if not mark.exists() or mark.read_text() != wanted:
        install = [python, "-m", "pip", "install", "--quiet", "--requirement", requirements]
        subprocess.run(list(map(str, install)), check=True)
        mark.write_text(wanted)
    return python


def compile_vlfeat(sources, folder):
    """VLFeat's dense SIFT and what it stands on, as a shared object."""
    parts = [sources / "vl" / f"{part}.c" for part in VLFEAT_PARTS]
    missing = [str(part) for part in parts if not part.exists()]
    if missing:
        sys.exit(f"error: no sources of VLFeat: {', '.join(missing)} not found")
    library = folder / "libvl.so"
    command = [os.environ.get("CC", "cc"), *VLFEAT_FLAGS, "-I", sources, *parts, "-lm", "-lpthread", "-o", library]
    subprocess.run(list(map(str, command)), check=True)
    return library


def vlfeat_words(given):
    """Which VLFeat it is, for the page."""
    if not given.vlfeat:
        return "VLFeat as the shared object that was given"
    header = (given.vlfeat / "vl" / "generic.h").read_text()
    version = re.search(r'VL_VERSION_STRING "(.*)"', header)
    return f"VLFeat {version[1] if version else ''} compiled with {' '.join(VLFEAT_FLAGS[1:3])}"


def has_avx512():
    try:
        return platform.machine() == "x86_64" and " avx512f " in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def networks(given, python):
    """Measures networks, which need other peers."""
    subprocess.run(["cargo", "build", "--release", "--example", "stages", "--bin", "bowsight"], cwd=ROOT, check=True)
    built = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
    out = given.out or ROOT / "docs" / "benchmarks-networks.md"
    command = [python, "-m", "peers.networks", "--program", built / "examples" / "stages", "--bowsight", built / "bowsight"]
    command += ["--runs", given.runs, "--only", given.only, "--out", out.resolve(), "--work", given.environment.resolve() / "data"]
    command += ["--command", f"python3 tools/compare_peers.py --environment DIR --networks --runs {given.runs}"]
    return subprocess.run(list(map(str, command)), env={**os.environ, "PYTHONPATH": str(ROOT / "tools"), "OPENBLAS_NUM_THREADS": "1"}).returncode


def main():
    given = arguments()
    requirements = "requirements-networks.txt" if given.networks else "requirements.txt"
    python = environment(given.environment.resolve(), ROOT / "tools" / requirements)
    if given.networks:
        sys.exit(networks(given, python))
    library = given.library
    if given.vlfeat:
        library = compile_vlfeat(given.vlfeat, given.environment)
    subprocess.run(["cargo", "build", "--release", "--example", "stages"], cwd=ROOT, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    variables = dict(os.environ)
    # The peers' own matrix products are not to run below what the processor has.
    if has_avx512():
        variables.setdefault("OPENBLAS_CORETYPE", "SkylakeX")
    command = [python, "-m", "peers", "--program", target / "release" / "examples" / "stages"]
    command += ["--threads", given.threads, "--runs", given.runs, "--only", given.only, "--out", (given.out or ROOT / "docs" / "benchmarks.md").resolve()]
    command += ["--work", given.environment.resolve() / "data"]
    command += ["--library", library.resolve()] if library else []
    command += ["--picture", given.picture.resolve()] if given.picture else []
    said = "python3 tools/compare_peers.py --environment DIR"
    said += " --vlfeat DIR" if given.vlfeat else " --library LIBVL.so" if library else ""
    if library:
        command += ["--vlfeat", vlfeat_words(given)]
    command += ["--command", f"{said} --threads {given.threads} --runs {given.runs}"]
    variables["PYTHONPATH"] = str(ROOT / "tools")
    sys.exit(subprocess.run(list(map(str, command)), env=variables).returncode)


if __name__ == "__main__":
    main()
