"""Takes videos apart into boxes, elements or chunks, changes one of them, and puts them together again."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

_BOX_PARENTS = frozenset(
    b"moov trak mdia minf stbl edts dinf mvex moof traf mfra udta stsd avc1 mp4v mp4a cmov".split()
)
# Bytes between a box's header and its first child
_LEADS = {b"stsd": 8, b"avc1": 78, b"mp4v": 78, b"mp4a": 28}
_ELEMENT_PARENTS = frozenset(
    {0x18538067, 0x114D9B74, 0x4DBB, 0x1549A966, 0x1654AE6B, 0xAE, 0xE0, 0xE1, 0x1F43B675, 0x1A45DFA3}
)


@dataclass
class Node:
    """One box, element or chunk. `lead` is the part of the body before the children, or the whole body of a leaf."""

    kind: bytes
    lead: bytes
    children: list[Node] = field(default_factory=list)
    # The size to write instead of the true one, for damage
    size: int | None = None
    # The size field of an element is kept if it is unknown
    unknown: bool = False
    # Bytes after the last child that are none
    rest: bytes = b""


@dataclass(frozen=True)
class Format:
    parse: Callable[[bytes], tuple[list[Node], bytes]]
    write: Callable[[Node], bytes]
    kinds: tuple[bytes, ...]


def _parse_boxes(data: bytes) -> tuple[list[Node], bytes]:
    nodes, at = [], 0
    while len(data) - at >= 8:
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if size < 8 or at + size > len(data):
            break
        body = data[at + 8 : at + size]
        node = Node(kind, body)
        if kind in _BOX_PARENTS:
            lead = _LEADS.get(kind, 0)
            node.lead = body[:lead]
            node.children, node.rest = _parse_boxes(body[lead:])
        nodes.append(node)
        at += size
    return nodes, data[at:]


def _write_box(node: Node) -> bytes:
    body = node.lead + b"".join(map(_write_box, node.children)) + node.rest
    size = 8 + len(body) if node.size is None else node.size
    return size.to_bytes(4, "big") + node.kind + body


def _parse_elements(data: bytes) -> tuple[list[Node], bytes]:
    nodes, at = [], 0
    while at < len(data) and data[at] >= 0x10:
        width = 9 - data[at].bit_length()
        if at + width >= len(data) or data[at + width] == 0:
            break
        length = 9 - data[at + width].bit_length()
        ones = (1 << 7 * length) - 1
        kind, start = data[at : at + width], at + width + length
        size = int.from_bytes(data[at + width : start], "big") & ones
        unknown = size == ones
        end = len(data) if unknown else start + size
        if end > len(data):
            break
        node = Node(kind, data[start:end], unknown=unknown)
        if int.from_bytes(kind, "big") in _ELEMENT_PARENTS:
            node.children, node.rest = _parse_elements(node.lead)
            node.lead = b""
        nodes.append(node)
        at = end
    return nodes, data[at:]


def _write_element(node: Node) -> bytes:
    body = node.lead + b"".join(map(_write_element, node.children)) + node.rest
    if node.unknown:
        return node.kind + b"\x01" + b"\xff" * 7 + body
    size = len(body) if node.size is None else node.size
    return node.kind + (size | 1 << 56).to_bytes(8, "big") + body


def _parse_chunks(data: bytes) -> tuple[list[Node], bytes]:
    nodes, at = [], 0
    while len(data) - at >= 8:
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + size > len(data):
            break
        node = Node(kind, data[at + 8 : at + 8 + size])
        if kind in (b"RIFF", b"LIST") and node.lead[:4] != b"movi":
            body = node.lead
            node.lead = body[:4]
            node.children, node.rest = _parse_chunks(body[4:])
        nodes.append(node)
        at += 8 + size + (size & 1)
    return nodes, data[at:]


def _write_chunk(node: Node) -> bytes:
    body = node.lead + b"".join(map(_write_chunk, node.children)) + node.rest
    size = len(body) if node.size is None else node.size
    return node.kind + size.to_bytes(4, "little") + body + bytes(len(body) & 1)


BOXES = Format(
    _parse_boxes,
    _write_box,
    (
        *(b"moov", b"trak", b"mdia", b"minf", b"stbl", b"free", b"skip", b"uuid", b"mdat", b"hoov", b"udta"),
        *(b"edts", b"moof", b"abcd", bytes(4), b"\xff\xfe\0\1"),
    ),
)
ELEMENTS = Format(
    _parse_elements,
    _write_element,
    tuple(
        bytes.fromhex(kind)
        for kind in ("1654ae6b 1549a966 18538067 1f43b675 114d9b74 ec bf ae e0 1234567f 4321").split()
    ),
)
CHUNKS = Format(
    _parse_chunks, _write_chunk, (b"LIST", b"JUNK", b"strl", b"strh", b"strf", b"avih", b"abcd", bytes(4))
)


def change(data: bytes, form: Format, generator: random.Random) -> bytes:
    """Return the file with one or two parts inserted, emptied, renamed or repeated, in most cases with true sizes.

    The first part stays first, because it tells the container. Only a RIFF list is changed inside.
    """
    nodes, rest = form.parse(data)
    changed = nodes[0].children if nodes[0].kind == b"RIFF" else nodes[1:]
    for _ in range(generator.choice((1, 1, 1, 2))):
        siblings = generator.choice([level for level in _levels(changed) if level])
        at = generator.randrange(len(siblings))
        _CHANGES[generator.randrange(len(_CHANGES))](siblings, at, form, generator)
    if nodes[0].kind != b"RIFF":
        nodes = [nodes[0], *changed]
    return b"".join(map(form.write, nodes)) + rest


def _levels(nodes: list[Node]) -> Iterator[list[Node]]:
    yield nodes
    for node in nodes:
        yield from _levels(node.children)


def _insert(siblings: list[Node], at: int, form: Format, generator: random.Random) -> None:
    body = generator.choice((b"", b"", bytes(8), bytes(100), generator.randbytes(30)))
    kind = generator.choice((*form.kinds, siblings[at].kind))
    # A size of 8 KB may hide what follows, and one of 4 GB is past the end.
    size = generator.choice((None, None, None, None, 0, 1, 7, 8000, 0xFFFFFFF0))
    siblings.insert(at, Node(kind, body, size=size))


def _empty(siblings: list[Node], at: int, _form: Format, _generator: random.Random) -> None:
    siblings[at] = Node(siblings[at].kind, b"")


def _rename(siblings: list[Node], at: int, form: Format, generator: random.Random) -> None:
    siblings[at].kind = generator.choice(form.kinds)


def _rename_list(siblings: list[Node], at: int, form: Format, generator: random.Random) -> None:
    """Rename the form of a RIFF list, or the box or element."""
    if siblings[at].kind == b"LIST":
        siblings[at].lead = generator.choice((b"xxxx", b"hdrl", b"strl", b"odml")) + siblings[at].lead[4:]
    else:
        _rename(siblings, at, form, generator)


def _repeat(siblings: list[Node], at: int, _form: Format, generator: random.Random) -> None:
    siblings[at:at] = [siblings[at]] * generator.choice((1, 1, 2, 300))


def _resize(siblings: list[Node], at: int, _form: Format, generator: random.Random) -> None:
    siblings[at].size = generator.choice((0, 1, 7, 9, 100, 8000, 0x7FFFFFFF))


_CHANGES = (_insert, _insert, _insert, _empty, _rename, _rename_list, _repeat, _resize)
