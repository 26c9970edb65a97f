"""Makes novel.zlib: `novel.py janeaustenr/data/Rdata.rdb novel.zlib`. README.md says what of.

An .rdb file of R is a row of blocks: the length of the contents, four bytes with the highest
first, then the contents, compressed by zlib. Here each holds a vector of strings, the lines of a
novel, in R's format XDR: a header of 14 bytes, in version 3 the name of an encoding, then a word
of flags, the number of strings, and for each a word of flags, its length and its bytes.
"""

import re
import struct
import sys
import zlib


def blocks(data):
    while data:
        block = zlib.decompressobj()
        yield block.decompress(data[4:])
        data = block.unused_data


def word(data, place):
    return struct.unpack_from(">i", data, place)[0]


def lines(block):
    place = 14 + (4 + word(block, 14) if word(block, 2) == 3 else 0)
    count, place = word(block, place + 4), place + 8
    for _ in range(count):
        length = word(block, place + 4)
        yield block[place + 8 : place + 8 + length].decode()
        place += 8 + length


def normal(text):
    text = text[text.index("Chapter 1\n") :]
    text = re.sub(r"^(Chapter \d+| *\* \* \* \* \*)$", "", text, flags=re.MULTILINE)
    paragraphs = re.split(r"\n{2,}", text.replace("_", ""))
    return "".join(" ".join(paragraph.split()) + "\n" for paragraph in paragraphs if paragraph.strip())


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as source:
        novels = ["\n".join(lines(block)) for block in blocks(source.read())]
    (novel,) = (novel for novel in novels if novel.startswith("PRIDE AND PREJUDICE\n"))
    with open(sys.argv[2], "wb") as target:
        target.write(zlib.compress(normal(novel).encode("ascii"), 9))
