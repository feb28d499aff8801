"""Runs the program for the scripts beside this file."""

import json
import subprocess
import sys


def run(command):
    """The JSON document that a command prints; ends the script with the command's error if it fails."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"failed: {' '.join(map(str, command))}\n{done.stderr}")
    return json.loads(done.stdout)
