"""Groups the messages met by fuzzing by cause."""

import re


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


def readable(message):
    """Sort key: messages in common letters first, then short ones."""
    return not message.isascii() or "\\" in message, len(message), message
