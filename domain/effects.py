"""Effects: what a run of records does to the store, as plain data; one msgpack blob for apply.lua.

A command is [verb, key, argument ...], all keys of one run in one hash tag:

| verb    | arguments                    | does                                                        |
|---------|------------------------------|-------------------------------------------------------------|
| HSET    | field, text, ...             | sets fields of a hash                                       |
| HDEL    | field, ...                   | removes fields of a hash                                    |
| HINCRBY | field, integer, ...          | adds to fields of a hash                                    |
| ZINCRBY | member, text of a float, ... | adds to scores of a sorted set                              |
| ZADD    | member, integer, ...         | sets scores of a sorted set                                 |
| ZADDGT  | member, integer, ...         | raises scores of a sorted set; never lowers one             |
| ZTRIM   | how many to keep             | drops the lowest of a sorted set                            |
| SETBIT  | index, 0 or 1, ...           | sets bits of a bitmap                                       |
| SET     | text                         | sets a string                                               |
| EXPIRE  | seconds                      | sets a key's life                                           |

Members come before their numbers, as fields do.  Fields, members and texts are str: Redis's cmsgpack cannot read
msgpack's bin type.
"""

from __future__ import annotations

from typing import Any

import msgspec

encode_blob = msgspec.msgpack.Encoder().encode
decode_blob = msgspec.msgpack.Decoder().decode

Command = list[Any]


class Run(msgspec.Struct, frozen=True):
    """The records first..last of one partition and all they do.

    Applies only where the fence is first - 1, and moves it to last.
    """

    first: int
    last: int
    commands: list[Command]

    def arguments(self) -> list[str | bytes]:
        """ARGV of apply.lua: the fence that is expected, first, last, commands as msgpack."""
        return [str(self.first - 1), str(self.first), str(self.last), encode_blob(self.commands)]
