"""Groups the messages met by fuzzing by cause, shows the shortest of each, and writes them as a page."""

import re

#: Entry points as readers of the page know them: title, where the message is met, targets.
GROUPS = (
    ("Model file", "`--model`, `--teacher`, `weights export`, `load()`", ("model_bytes", "model_content")),
    ("Checkpoint of PyTorch", "`weights import`", ("checkpoint",)),
    ("Annotations", "`groundtruth_rect.txt` or `groundtruth.txt` beside images", ("annotation",)),
    ("Images", "A folder of images, or of a benchmark's sequence", ("image_file", "source_folder")),
    ("Video", "A file to track on", ("video_file",)),
    ("Box", "`--init`, `--box`, `SiameseTracker.init`", ("init_option", "boxes_and_frames")),
    ("A run and its files", "`track`, `demo`", ("tracking",)),
    ("Neuron model", "`--coding`, `--hidden-coding`, `--pooling`, a TOML file", ("equations",)),
    ("Names", "Of sources, models and neuron models", ("names",)),
    ("Files to write", "`--output`, `--json`", ("written_files",)),
)

_HEAD = """# Messages

What the program says of input that it cannot use, as fuzzing met it: {examples:,} examples, {refused:,} of them refused
with one of {count} messages. Each is one line that begins with what it is about, says what was expected and what came,
and, where that does not follow from it, what to do; on the command line `error: ` stands before it and the exit code is
2. The number is how often it was met, the message its shortest example, with `FILE` in place of a path.

This page is written by `{command}`;
[robustness](robustness.md) says what was tried.
"""


def template(message):
    """A message without the parts that vary between examples, so that one cause gives one text."""
    message = re.sub(r"^.*?(?=: (a folder; )?no such file)|^FOLDER.*?(?=, line |: )|^camera \d+", "NAME", message)
    # a value may be truncated inside a quotation, so values are replaced before quotations
    message = re.sub(r"(got|holds|keys:|known are|out of) .*?(; (?=[a-z][^;]*$)|$)", r"\1 ...\2", message)
    message = re.sub(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", "''", message)
    message = re.sub(r"[\[{(].*[\])}]", "()", message)
    message = re.sub(r"\b(backbone\.|conv\d|pool\d)[\w.]*", "LAYER", message)
    message = re.sub(r"\b(parameters\.|choices\.|initial |LAYER: |'': |description: )\w+(?= =|:)", r"\1", message)
    return re.sub(r"[-+]?\b\d+(\.\d+)?(e[-+]?\d+)?", "N", message)


def shown(message):
    """A message as shown on the page."""
    return re.sub(r"^FOLDER(/[^:,]*?)?(?=[:,] )", "FILE", message)


def page(messages, examples, tried, command):
    """The messages as Markdown.

    Parameters
    ----------
    messages : dict of (target, template) to int
        The count of each message.
    examples : dict of (target, template) to str
        The shortest message of each.
    tried : int
        The total number of examples.
    command : str
        The command that writes the page.
    """
    parts, count = [], 0
    for title, where, targets in GROUPS:
        found = {}
        for (target, kind), times in messages.items():
            if target in targets:
                before, text = found.get(kind, (0, examples[target, kind]))
                found[kind] = before + times, min(text, examples[target, kind], key=readable)
        count += len(found)
        rows = sorted(((times, shown(text)) for times, text in found.values()), key=lambda row: (-row[0], row[1]))
        if rows:
            parts += [f"\n## {title}\n\n{where}.\n\n| times | message |\n|---:|---|"]
            parts += [f"| {times:,} | {_cell(text)} |" for times, text in rows]
    head = _HEAD.format(examples=tried, refused=sum(messages.values()), count=count, command=command)
    return head + "\n".join(parts) + "\n"


def readable(message):
    """Sort key: messages in common letters first, then short ones."""
    return not message.isascii() or "\\" in message, len(message), message


def _cell(text):
    """Text shown verbatim in a table cell."""
    return re.sub(r"([\\|*_<>`\[\]])", r"\\\1", text)
