"""Regenerate the pictures of docs/gallery.md with the commands on that page.

    python analysis/gallery.py [--only fig4_coding_schemes raster ...]

For each section of the page that shows a picture `gallery/SCRIPT-PICTURE.png`, this script runs the section's command
and copies PICTURE.png from its output. Pictures are reduced to 1,000 pixels and 256 colours to keep the repository
small. No data are needed; fig6_qualitative.py requires the extra `torch`, synchrony.py the extra `spikes`. All scripts
together take about two and a half minutes of CPU time.
"""

import argparse
import re
import shlex
import subprocess
import sys
from pathlib import Path

from PIL import Image
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--only", nargs="+", metavar="SCRIPT", help="scripts to run, without .py; all by default")
parser.add_argument("--output", type=Path, default=ROOT / "brian-siamsnn-output" / "gallery")
arguments = parser.parse_args()

# The command of a section is its indented line.
commands = {}
for section in re.split(r"^## ", (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8"), flags=re.MULTILINE):
    pictures = re.findall(r"\]\(gallery/(\w+)-(\w+)\.png\)", section)
    for command in re.findall(r"^ {4}python (analysis/(\w+)\.py.*)$", section, re.MULTILINE) if pictures else []:
        commands[command[1]] = shlex.split(command[0]), [name for script, name in pictures if script == command[1]]
if unknown := set(arguments.only or ()) - commands.keys():
    parser.error(f"--only: {min(unknown)} has no pictures in docs/gallery.md; expected some of {', '.join(commands)}")

(ROOT / "docs" / "gallery").mkdir(exist_ok=True)
for script in tqdm(arguments.only or commands, desc="scripts", disable=None):
    command, pictures = commands[script]
    folder = arguments.output.resolve() / script
    done = subprocess.run([sys.executable, *command, "--output", folder], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{script}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    for name in pictures:
        picture = Image.open(folder / f"{name}.png").convert("RGB")
        picture.thumbnail((1000, 2000), Image.Resampling.LANCZOS)
        target = ROOT / "docs" / "gallery" / f"{script}-{name}.png"
        # maximum coverage keeps the colours of small areas, which median cut replaces by those of large ones
        colours = picture.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3)
        picture.quantize(palette=colours).save(target, optimize=True)
        tqdm.write(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1000:.0f} kB")
