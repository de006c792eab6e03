"""Sequences and private creators as they usually are, each read in one piece.

What is said here is what the general way of reading says, only sooner; whatever is unusual, be it a
problem to report or a sequence in a sequence, is left to that.
"""

from typing import Final

from hilum.dicom.budget import Budget
from hilum.dicom.memo import Context, Entry
from hilum.dicom.shapes import Shape, empty_of, opening_of
from hilum.dicom.vr import BY_NAME, ITEM

_SEQUENCE: Final = BY_NAME["SQ"]
_ITEM_TAG: Final = ITEM.to_bytes(4, "little")[2:] + ITEM.to_bytes(4, "little")[:2]


def fresh_creator(
    buffer: bytes, index: int, context: Context, shape: Shape, budget: Budget
) -> Entry | None:
    """Return the entry of a private creator that the context does not know, if it is plain."""
    tag, is_plain, opening, closing, *_ = shape
    size = 8 + int.from_bytes(buffer[index + 6 : index + 8], "little")
    raw = buffer[index : index + size]
    creator = raw[8:].rstrip(b" \0")
    if is_plain is None or not creator or not is_plain(creator):
        return None
    entry = Entry(tag, size, opening + creator + closing)
    entry.after = context.with_creator(tag, creator.decode("ascii"))
    budget.remember(context, raw, entry)
    return entry


def fresh_plain_sequence(raw: bytes, tag: int, context: Context, budget: Budget) -> Entry | None:
    """Return the entry of the sequence `raw`, which the context does not know, if it is plain.

    A sequence of defined length, and items of defined length with plain elements only.
    """
    plain = _read_items(raw, 12, len(raw), context.item())
    if plain is None:
        return None
    content, count = plain
    text = opening_of(tag, _SEQUENCE) + content + b"]}" if content else empty_of(tag, _SEQUENCE)
    entry = Entry(tag, len(raw), text)
    entry.count += count
    budget.take(count, 0)
    budget.remember(context, raw, entry)
    return entry


def _read_items(
    buffer: bytes, index: int, stop: int, item_context: Context
) -> tuple[bytes, int] | None:
    """Return the JSON objects of the items in `buffer[index:stop]`, and how many elements.

    Items count as elements. None when something is not plain.
    """
    surroundings = item_context.surroundings
    _, shapes, unpack_key = item_context.form
    items: list[bytes] = []
    count = 0
    while index < stop:
        if buffer[index : index + 4] != _ITEM_TAG or index + 8 > stop:
            return None
        item_stop = index + 8 + int.from_bytes(buffer[index + 4 : index + 8], "little")
        if item_stop > stop:
            return None
        index += 8
        parts: list[bytes] = []
        last_tag = -1
        while index < item_stop:
            if index + 8 > item_stop:
                return None
            key, length = unpack_key(buffer, index)
            shape = shapes.get(key)
            value_stop = index + 8 + length
            if shape is None or value_stop > item_stop:
                return None
            tag, is_plain, plain_opening, plain_closing, convert, opening, empty = shape
            if convert is None or tag <= last_tag:
                return None
            value = buffer[index + 8 : value_stop]
            if is_plain is not None and is_plain(value):
                value = value.rstrip(b" \0")
                parts.append(plain_opening + value + plain_closing if value else empty)
            else:
                content, problem = convert(value, surroundings, tag)
                if problem is not None:
                    return None
                parts.append(opening + content + b"]}" if content else empty)
            last_tag = tag
            index = value_stop
        items.append(b"{" + b",".join(parts) + b"}")
        count += len(parts) + 1
    return b",".join(items), count
