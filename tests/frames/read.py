"""Reads a stream of frames by evframe(5) alone: prints a JSON line for each control record and each event."""

import json
import struct
import sys
import zlib

MAGIC = b"\x89EVF\r\n\x1a\n"
NONE = -(2**63)


class Damaged(Exception):
    pass


def must(yes, what):
    if not yes:
        raise Damaged(what)


def take(source, n):
    data = source.read(n)
    must(len(data) == n, "the stream stops before its end")
    return data


def chunks(source):
    """Type and payload of each chunk, up to the end record."""
    start = take(source, 16)
    must(start[:8] == MAGIC, "no frames")
    version, checksum = struct.unpack("<II", start[8:])
    must(checksum == zlib.crc32(start[:12]), "checksum of the beginning")
    must(version == 1, f"version {version}")
    while True:
        header = take(source, 16)
        kind, flags, length, of_payload, checksum = struct.unpack("<HHIII", header)
        must(checksum == zlib.crc32(header[:12]), "checksum of a header")
        must(kind in (1, 2) and flags in (0, 1), "unknown type or flag")
        payload = take(source, length)
        must(not flags or of_payload == zlib.crc32(payload), "checksum of a payload")
        yield kind, payload
        if kind == 1 and json.loads(payload)["@ev"] in ("end", "abort"):
            return


def events(payload):
    """Time, watermark (None: none) and text of each event of a chunk of type 2."""
    at = 0
    while at < len(payload):
        length, shape, time, watermark = struct.unpack_from("<IIqq", payload, at)
        must(shape == 0, "a shape")
        text = payload[at + 24 : at + 24 + length]
        must(payload[at + 24 + length : at + 25 + length] == b"\n", "no newline behind a text")
        yield None if time == NONE else time, None if watermark == NONE else watermark, text
        at += 25 + length


def read(source):
    """Control records as dicts, events as (time, watermark, text)."""
    for kind, payload in chunks(source):
        if kind == 1:
            yield json.loads(payload)
        else:
            yield from events(payload)
    must(source.read(1) == b"", "something behind the end")


if __name__ == "__main__":
    for x in read(sys.stdin.buffer):
        print(json.dumps(x if isinstance(x, dict) else {"time": x[0], "watermark": x[1], "event": x[2].decode()}))
