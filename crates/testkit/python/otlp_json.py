#!/usr/bin/env python3
"""A second implementation of OTLP/JSON, for comparison with `forebay-otlp`.

Written from the `.proto` files, the OTLP specification ("JSON Protobuf Encoding") and protobuf's "ProtoJSON Format", and not from the
first implementation: where both agree, both have understood. Simple and slow; Python's standard library only.

Each line of standard input is a question, each line of standard output its answer, bytes in hexadecimal:

    wire SIGNAL TEXT        ->  ok WIRE | refused WHY      the protobuf form of JSON text
    json SIGNAL WIRE        ->  ok TEXT | refused WHY      the JSON form of a message
    same SIGNAL TEXT WIRE   ->  ok | refused WHY           whether the text is how the message is to be written, but for the order of keys
    invent SIGNAL SEED      ->  ok TEXT                    a text that takes the liberties which the rules allow, and some they do not
"""

import base64
import json
import random
import re
import struct
import sys

# ---------------------------------------------------------------- the messages

# name: "key=number:type", "*" before the number for a list, "?" for a field whose absence differs from its default, "|" for a
# member of the message's oneof. A type that begins with a capital is a message, but for the enums.
SCHEMA = {
    "Traces": "resourceSpans=*1:ResourceSpans",
    "ResourceSpans": "resource=1:Resource scopeSpans=*2:ScopeSpans schemaUrl=3:string",
    "ScopeSpans": "scope=1:Scope spans=*2:Span schemaUrl=3:string",
    "Span": "traceId=1:id spanId=2:id traceState=3:string parentSpanId=4:id name=5:string kind=6:enum"
            " startTimeUnixNano=7:fixed64 endTimeUnixNano=8:fixed64 attributes=*9:KeyValue droppedAttributesCount=10:uint32"
            " events=*11:Event droppedEventsCount=12:uint32 links=*13:Link droppedLinksCount=14:uint32 status=15:Status"
            " flags=16:fixed32",
    "Event": "timeUnixNano=1:fixed64 name=2:string attributes=*3:KeyValue droppedAttributesCount=4:uint32",
    "Link": "traceId=1:id spanId=2:id traceState=3:string attributes=*4:KeyValue droppedAttributesCount=5:uint32 flags=6:fixed32",
    "Status": "message=2:string code=3:enum",
    "Metrics": "resourceMetrics=*1:ResourceMetrics",
    "ResourceMetrics": "resource=1:Resource scopeMetrics=*2:ScopeMetrics schemaUrl=3:string",
    "ScopeMetrics": "scope=1:Scope metrics=*2:Metric schemaUrl=3:string",
    "Metric": "name=1:string description=2:string unit=3:string gauge=|5:Gauge sum=|7:Sum histogram=|9:Histogram"
              " exponentialHistogram=|10:ExponentialHistogram summary=|11:Summary metadata=*12:KeyValue",
    "Gauge": "dataPoints=*1:NumberPoint",
    "Sum": "dataPoints=*1:NumberPoint aggregationTemporality=2:enum isMonotonic=3:bool",
    "Histogram": "dataPoints=*1:HistogramPoint aggregationTemporality=2:enum",
    "ExponentialHistogram": "dataPoints=*1:ExponentialPoint aggregationTemporality=2:enum",
    "Summary": "dataPoints=*1:SummaryPoint",
    "NumberPoint": "startTimeUnixNano=2:fixed64 timeUnixNano=3:fixed64 asDouble=|4:double exemplars=*5:Exemplar asInt=|6:sfixed64"
                   " attributes=*7:KeyValue flags=8:uint32",
    "HistogramPoint": "startTimeUnixNano=2:fixed64 timeUnixNano=3:fixed64 count=4:fixed64 sum=?5:double bucketCounts=*6:fixed64"
                      " explicitBounds=*7:double exemplars=*8:Exemplar attributes=*9:KeyValue flags=10:uint32 min=?11:double"
                      " max=?12:double",
    "ExponentialPoint": "attributes=*1:KeyValue startTimeUnixNano=2:fixed64 timeUnixNano=3:fixed64 count=4:fixed64 sum=?5:double"
                        " scale=6:sint32 zeroCount=7:fixed64 positive=8:Buckets negative=9:Buckets flags=10:uint32"
                        " exemplars=*11:Exemplar min=?12:double max=?13:double zeroThreshold=14:double",
    "Buckets": "offset=1:sint32 bucketCounts=*2:uint64",
    "SummaryPoint": "startTimeUnixNano=2:fixed64 timeUnixNano=3:fixed64 count=4:fixed64 sum=5:double quantileValues=*6:Quantile"
                    " attributes=*7:KeyValue flags=8:uint32",
    "Quantile": "quantile=1:double value=2:double",
    "Exemplar": "timeUnixNano=2:fixed64 asDouble=|3:double spanId=4:id traceId=5:id asInt=|6:sfixed64"
                " filteredAttributes=*7:KeyValue",
    "Logs": "resourceLogs=*1:ResourceLogs",
    "ResourceLogs": "resource=1:Resource scopeLogs=*2:ScopeLogs schemaUrl=3:string",
    "ScopeLogs": "scope=1:Scope logRecords=*2:LogRecord schemaUrl=3:string",
    "LogRecord": "timeUnixNano=1:fixed64 severityNumber=2:enum severityText=3:string body=5:AnyValue attributes=*6:KeyValue"
                 " droppedAttributesCount=7:uint32 flags=8:fixed32 traceId=9:id spanId=10:id observedTimeUnixNano=11:fixed64"
                 " eventName=12:string",
    "Resource": "attributes=*1:KeyValue droppedAttributesCount=2:uint32 entityRefs=*3:EntityRef",
    "EntityRef": "schemaUrl=1:string type=2:string idKeys=*3:string descriptionKeys=*4:string",
    "Scope": "name=1:string version=2:string attributes=*3:KeyValue droppedAttributesCount=4:uint32",
    "KeyValue": "key=1:string value=2:AnyValue keyStrindex=3:int32",
    "AnyValue": "stringValue=|1:string boolValue=|2:bool intValue=|3:int64 doubleValue=|4:double arrayValue=|5:ArrayValue"
                " kvlistValue=|6:KeyValueList bytesValue=|7:bytes stringValueStrindex=|8:int32",
    "ArrayValue": "values=*1:AnyValue",
    "KeyValueList": "values=*1:KeyValue",
}
ROOT = {"traces": "Traces", "metrics": "Metrics", "logs": "Logs"}

# How deep messages may nest, and the values of fields that nobody knows.
MESSAGES_DEEP, UNKNOWN_DEEP = 32, 100

NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
RANGES = {
    "int32": (-2**31, 2**31), "sint32": (-2**31, 2**31), "enum": (-2**31, 2**31), "uint32": (0, 2**32), "fixed32": (0, 2**32),
    "int64": (-2**63, 2**63), "sfixed64": (-2**63, 2**63), "uint64": (0, 2**64), "fixed64": (0, 2**64),
}
IN_QUOTES = ("int64", "uint64", "fixed64", "sfixed64")


class Refused(Exception):
    """The input breaks a rule."""


class Field:
    """One field of a message."""

    def __init__(self, text):
        self.key, rest = text.split("=")
        label, number, self.type = re.fullmatch(r"([*?|]?)(\d+):(\w+)", rest).groups()
        self.number = int(number)
        self.is_list, self.is_oneof, self.is_explicit = label == "*", label == "|", label == "?"
        self.is_message = self.type in SCHEMA
        self.is_packed = self.is_list and not self.is_message and self.type not in ("string", "bytes", "id")

    def default(self):
        return {"string": "", "bytes": b"", "id": b"", "bool": False, "double": 0.0}.get(self.type, 0)


FIELDS = {name: [Field(text) for text in fields.split()] for name, fields in SCHEMA.items()}
BY_KEY = {name: {field.key: field for field in fields} for name, fields in FIELDS.items()}
BY_NUMBER = {name: {field.number: field for field in fields} for name, fields in FIELDS.items()}


def put(message, name, field, value):
    """Sets a field: a later scalar replaces an earlier one, messages merge, lists grow, a oneof has one member."""
    if field.is_oneof:
        for other in FIELDS[name]:
            if other.is_oneof and other is not field:
                message.pop(other.key, None)
    if field.is_list:
        message.setdefault(field.key, []).extend(value)
    elif field.is_message and field.key in message:
        for inner in FIELDS[field.type]:
            # What says no more than its absence is not there to be merged.
            if inner.key in value and not is_unset(inner, value[inner.key]):
                put(message[field.key], field.type, inner, value[inner.key])
    else:
        message[field.key] = value


def is_unset(field, value):
    """Whether a value is not written, since it says no more than its absence."""
    if field.is_list:
        return not value
    if field.is_message or field.is_oneof or field.is_explicit:
        return False
    if field.type == "double":
        return struct.pack("<d", value) == bytes(8)
    return value == field.default()


# ---------------------------------------------------------------- JSON text to messages


class Object(list):
    """An object as the pairs that stand in it: keys may occur twice."""


class Literal(str):
    """A number as it is written."""


def parse(text):
    def no_constant(word):
        raise Refused(f"{word} is no JSON")

    def pairs(found):
        return Object(found)

    try:
        text = text.decode("utf-8")
        value = json.loads(text, object_pairs_hook=pairs, parse_int=Literal, parse_float=Literal, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        raise Refused(str(error)) from error
    whole(value)
    return value


def whole(value):
    """Refuses strings with half of a surrogate pair, keys and what is ignored included."""
    stack = [value]
    while stack:
        value = stack.pop()
        if isinstance(value, Object):
            for key, inner in value:
                stack += [key, inner]
        elif isinstance(value, list):
            stack += value
        elif isinstance(value, str):
            try:
                value.encode("utf-8")
            except UnicodeEncodeError as error:
                raise Refused("half a surrogate pair") from error


def read_message(name, value, depth):
    if depth > MESSAGES_DEEP:
        raise Refused("nested too deeply")
    if not isinstance(value, Object):
        raise Refused(f"{name} is an object")
    message = {}
    for key, inner in value:
        field = BY_KEY[name].get(key)
        if field is None:
            ignore(inner)
        elif inner is not None:
            put(message, name, field, read_field(field, inner, depth))
    return message


def ignore(value):
    level = [value]
    for _ in range(UNKNOWN_DEEP):
        inner = []
        for one in level:
            if isinstance(one, Object):
                inner += [value for _, value in one]
            elif isinstance(one, list):
                inner += one
        level = inner
    if level:
        raise Refused("an unknown field is nested too deeply")


def read_field(field, value, depth):
    if not field.is_list:
        return read_one(field, value, depth)
    if isinstance(value, Object) or not isinstance(value, list):
        raise Refused(f"{field.key} is an array")
    return [read_one(field, one, depth) for one in value]


def read_one(field, value, depth):
    if field.is_message:
        return read_message(field.type, value, depth + 1)
    if field.type == "bool":
        if not isinstance(value, bool):
            raise Refused("not true or false")
        return value
    if field.type in ("string", "bytes", "id"):
        if not isinstance(value, str) or isinstance(value, Literal):
            raise Refused("not a string")
        return {"string": str, "bytes": read_base64, "id": read_hex}[field.type](value)
    return read_number(field.type, value)


def read_number(kind, value):
    if not isinstance(value, str):
        raise Refused("not a number")
    quoted = not isinstance(value, Literal)
    if quoted and kind == "enum":
        raise Refused("an enum is an integer")
    if kind == "double" and quoted and value in ("NaN", "Infinity", "-Infinity"):
        return float(value.replace("Infinity", "inf"))
    if not NUMBER.fullmatch(value) or value.endswith("\n"):
        raise Refused("not a number")
    if kind == "double":
        number = float(value)
        if number in (float("inf"), float("-inf")):
            raise Refused("no double is so large")
        return number
    number = integer(value)
    low, high = RANGES[kind]
    if not low <= number < high:
        raise Refused("out of range")
    return number


def integer(text):
    """The integer that a number is, however it is written."""
    mantissa, _, exponent = text.lower().partition("e")
    before, _, after = mantissa.partition(".")
    digits = (before.lstrip("-") + after).lstrip("0")
    if not digits:
        return 0
    trimmed = digits.rstrip("0")
    shift = int(exponent or "0") - len(after) + len(digits) - len(trimmed)
    if shift < 0:
        raise Refused("not an integer")
    if len(trimmed) + shift > 25:
        raise Refused("out of range")
    return int(trimmed) * 10**shift * (-1 if text.startswith("-") else 1)


def read_hex(text):
    if not re.fullmatch(r"([0-9a-fA-F]{2})*", text) or text.endswith("\n"):
        raise Refused("not hexadecimal")
    return bytes.fromhex(text)


def read_base64(text):
    body = text.rstrip("=")
    padding = len(text) - len(body)
    if padding and (padding > 2 or len(text) % 4):
        raise Refused("wrong padding")
    if not re.fullmatch(r"[A-Za-z0-9+/_-]*", body) or body.endswith("\n") or len(body) % 4 == 1:
        raise Refused("not base64")
    return base64.b64decode(body.replace("-", "+").replace("_", "/") + "=" * (-len(body) % 4))


# ---------------------------------------------------------------- messages to JSON values


def shown(name, message):
    """The value to be written: a dictionary, keys in the order of the schema."""
    out = {}
    for field in FIELDS[name]:
        if field.key in message and not is_unset(field, message[field.key]):
            value = message[field.key]
            out[field.key] = [show_one(field, one) for one in value] if field.is_list else show_one(field, value)
    return out


def show_one(field, value):
    if field.is_message:
        return shown(field.type, value)
    if field.type in IN_QUOTES:
        return str(value)
    if field.type == "id":
        return value.hex()
    if field.type == "bytes":
        return base64.b64encode(value).decode()
    if field.type == "double":
        words = {float("inf"): "Infinity", float("-inf"): "-Infinity"}
        return "NaN" if value != value else words.get(value, value)
    return value


def alike(ours, theirs, path=""):
    """Where two JSON values differ, in kind or in value; nothing if they do not."""
    if isinstance(ours, bool) or isinstance(theirs, bool) or not isinstance(ours, (int, float)):
        if type(ours) is not type(theirs):
            return f"{path}: {theirs!r} in the place of {ours!r}"
    elif not isinstance(theirs, (int, float)):
        return f"{path}: {theirs!r} in the place of {ours!r}"
    if isinstance(ours, dict):
        if ours.keys() != theirs.keys():
            return f"{path}: keys {sorted(theirs)} in the place of {sorted(ours)}"
        differences = (alike(ours[key], theirs[key], f"{path}.{key}") for key in ours)
    elif isinstance(ours, list):
        if len(ours) != len(theirs):
            return f"{path}: {len(theirs)} elements in the place of {len(ours)}"
        differences = (alike(*pair, f"{path}[{index}]") for index, pair in enumerate(zip(ours, theirs)))
    else:
        return None if ours == theirs else f"{path}: {theirs!r} in the place of {ours!r}"
    return next((difference for difference in differences if difference), None)


# ---------------------------------------------------------------- messages to and from the wire

PACKED = {"fixed64": "<Q", "sfixed64": "<q", "double": "<d", "fixed32": "<I"}


def varint(value):
    value &= 2**64 - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode_one(field, value):
    """The wire type of one value, and its bytes."""
    if field.type in PACKED:
        return (5 if field.type == "fixed32" else 1), struct.pack(PACKED[field.type], value)
    if field.type == "sint32":
        return 0, varint((value << 1 ^ value >> 31) & 0xFFFFFFFF)
    if field.type in RANGES or field.type == "bool":
        return 0, varint(int(value))
    body = encode(field.type, value) if field.is_message else value.encode() if field.type == "string" else value
    return 2, varint(len(body)) + body


def encode(name, message):
    out = bytearray()
    for field in FIELDS[name]:
        if field.key not in message or is_unset(field, message[field.key]):
            continue
        value = message[field.key]
        if field.is_packed:
            body = b"".join(encode_one(field, one)[1] for one in value)
            out += varint(field.number << 3 | 2) + varint(len(body)) + body
            continue
        for one in value if field.is_list else [value]:
            wire_type, body = encode_one(field, one)
            out += varint(field.number << 3 | wire_type) + body
    return bytes(out)


class Wire:
    """Bytes that are read from front to back."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise Refused("truncated")
        self.at += count
        return self.data[self.at - count:self.at]

    def varint(self):
        value = 0
        for shift in range(0, 70, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value >= 2**64:
                    raise Refused("more than 64 bits")
                return value
        raise Refused("a varint without an end")

    def value(self, wire_type):
        if wire_type == 0:
            return self.varint()
        if wire_type == 1:
            return self.take(8)
        if wire_type == 2:
            return self.take(self.varint())
        if wire_type == 5:
            return self.take(4)
        raise Refused(f"wire type {wire_type}")


def signed(value, bits):
    value &= 2**bits - 1
    return value - 2**bits if value >> bits - 1 else value


def decode_one(field, value, depth):
    """A value as it stands on the wire: an integer for a varint, else bytes."""
    kind = field.type
    if field.is_message:
        return decode(kind, value, depth + 1)
    if kind in PACKED:
        return struct.unpack(PACKED[kind], value)[0]
    if kind == "string":
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Refused("not UTF-8") from error
    if kind in ("bytes", "id"):
        return bytes(value)
    if kind == "bool":
        return value != 0
    if kind == "sint32":
        value &= 2**32 - 1
        return value >> 1 ^ -(value & 1)
    return {"int64": signed(value, 64), "uint64": value, "uint32": value & 2**32 - 1}.get(kind, signed(value, 32))


def wire_type_of(field):
    if field.type in PACKED:
        return 5 if field.type == "fixed32" else 1
    return 0 if field.type in RANGES or field.type == "bool" else 2


def decode(name, data, depth=1):
    if depth > MESSAGES_DEEP:
        raise Refused("nested too deeply")
    wire, message = Wire(data), {}
    while wire.at < len(data):
        tag = wire.varint()
        number, wire_type = tag >> 3, tag & 7
        value = wire.value(wire_type)
        field = BY_NUMBER[name].get(number)
        if field is None:
            continue
        own = wire_type_of(field)
        if wire_type != own and not (field.is_packed and wire_type == 2):
            raise Refused(f"{field.key} has wire type {wire_type}")
        values = [value]
        if field.is_packed and wire_type == 2:
            values, packed = [], Wire(value)
            while packed.at < len(value):
                values.append(packed.value(own))
        decoded = [decode_one(field, one, depth) for one in values]
        put(message, name, field, decoded if field.is_list else decoded[0])
    return message


# ---------------------------------------------------------------- texts that take liberties


class Inventor:
    """Makes texts, the same for the same seed."""

    STRINGS = ["", "a", "service.name", "\u00e9\U0001f600", "q\"\\/", "\u0000\n", "0", "null"]

    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, *choices):
        return choices[self.random.randrange(len(choices))]

    def message(self, name, depth):
        members = []
        for field in FIELDS[name]:
            # Deep down only what has no messages in it.
            if self.random.random() < (0.5 if depth < 8 or not field.is_message else 0.05):
                for _ in range(self.pick(1, 1, 1, 1, 1, 1, 2)):
                    members.append((self.key(field.key), self.field(field, depth)))
        if self.random.random() < 0.1:
            members.append((self.string(self.pick("unknown", "schema_url", "Name", "")), self.anything()))
        self.random.shuffle(members)
        space = self.pick("", "", " ", "\n\t\r ")
        return "{" + space + f"{space},".join(f"{key}{space}:{space}{value}" for key, value in members) + space + "}"

    def key(self, key):
        wrong = re.sub("([A-Z])", lambda found: "_" + found[1].lower(), key)
        return self.string(wrong if self.random.random() < 0.02 else key)

    def field(self, field, depth):
        if self.random.random() < 0.03:
            return "null"
        if self.random.random() < 0.004:
            return self.anything()
        if field.is_list:
            return "[" + ",".join(self.one(field, depth) for _ in range(self.pick(0, 1, 1, 2))) + "]"
        return self.one(field, depth)

    def one(self, field, depth):
        if field.is_message:
            return self.message(field.type, depth + 1)
        if field.type == "string":
            return self.string(self.pick(*self.STRINGS))
        if field.type == "bool":
            return self.pick("true", "false")
        if field.type == "id":
            return self.string(self.hexadecimal())
        if field.type == "bytes":
            return self.string(self.pick("", "AA==", "AA", "_-8", "/+8=", "AAEC", "AAE"))
        if field.type == "double":
            return self.double()
        return self.integer(field.type)

    def hexadecimal(self):
        length = self.pick(32, 32, 16, 16, 0, 6)
        text = "".join(self.pick(*"0123456789abcdef") for _ in range(length))
        return text.upper() if self.random.random() < 0.3 else text

    def double(self):
        return self.pick("0", "-0.0", "1.5", "1e3", "-2.5E-3", "1e308", "4.9e-324", '"NaN"', '"Infinity"', '"-Infinity"', '"1.25"',
                         str(self.random.random()), "123456789012345678", "0.1", "-0")

    def integer(self, kind):
        low, high = RANGES[kind]
        value = self.pick(0, 1, 2, 3, low, high - 1, self.random.randrange(low, high))
        text = self.pick(str(value), str(value), str(value), f"{value}.0", f"{value}0e-1", f"{value}e0")
        if self.random.random() < 0.003:
            text = self.pick(str(high), str(low - 1), "1.5", "1e30")
        return text if kind == "enum" or self.random.random() < 0.5 else f'"{text}"'

    def string(self, text):
        if self.random.random() < 0.2:
            # All characters outside ASCII, and some inside, as escapes.
            return json.dumps(text).replace("a", self.pick("a", "\\u0061"))
        return json.dumps(text, ensure_ascii=False)

    def anything(self):
        return self.pick("null", "true", "-1.5e3", '"text"', "[]", "{}", '[1,{"a":[null,"\\ud83d\\ude00"]}]', '{"a":{},"a":[]}')


# ---------------------------------------------------------------- questions and answers


def answer(question, signal, *operands):
    root = ROOT[signal]
    if question == "invent":
        return Inventor(int(operands[0])).message(root, 1).encode().hex()
    data = [bytes.fromhex(operand) for operand in operands]
    if question == "wire":
        return encode(root, read_message(root, parse(data[0]), 1)).hex()
    if question == "json":
        return json.dumps(shown(root, decode(root, data[0])), ensure_ascii=False).encode().hex()
    difference = alike(shown(root, decode(root, data[1])), json.loads(data[0]))
    if difference:
        raise Refused(difference)
    return ""


def main():
    sys.setrecursionlimit(20_000)
    # A fifth of a million digits are a number too.
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(0)
    for line in sys.stdin:
        question, signal, *operands = line.rstrip("\n").split(" ")
        try:
            print("ok", answer(question, signal, *operands))
        except Refused as refused:
            print("refused", str(refused).encode("ascii", "backslashreplace").decode().replace("\n", " "))


if __name__ == "__main__":
    main()
