"""A - B in chDB (ClickHouse in process): chdb_peer.py FORMULATION IDS DIRECTORY EXTENSION"""

import os
import sys

import chdb

formulation, ids, directory, extension = sys.argv[1:]
extraction, _, join = formulation.partition("+")
uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
pattern = rf"notification\\.sent doc=({uuid if ids == 'uuid' else '[^ ]{1,256}'})(?: |$)"
to_id = "toUUIDOrZero(%s)" if ids == "uuid" else "%s"
lines = f"file('{directory}/logs/*{extension}', 'LineAsString', 'line String')"
signed = f"SELECT {'toUUID(line)' if ids == 'uuid' else 'line'} AS id FROM file('{directory}/signed.txt', 'LineAsString', 'line String')"
by_regex = f"extract(line, '{pattern}')"
if extraction == "regex":
    logged = f"SELECT {to_id % by_regex} AS id FROM {lines} WHERE position(line, 'notification.sent doc=') > 0"
elif extraction == "substring":
    certain = (
        "substring(line, p + 58, 1) IN (' ', '')" if ids == "uuid" else "position(line, ' ', p + 22) BETWEEN p + 23 AND p + 278"
    )
    taken = "substring(line, p + 22, 36)" if ids == "uuid" else "substring(line, p + 22, position(line, ' ', p + 22) - p - 22)"
    by_position = f"if({certain} AND position(line, 'notification.sent doc=', p + 22) = 0, {taken}, {by_regex})"
    logged = (
        f"SELECT {to_id % by_position} AS id FROM "
        f"(SELECT line, position(line, 'notification.sent doc=') AS p FROM {lines}) WHERE p > 0"
    )
if join == "group":
    query = (
        f"SELECT id FROM (SELECT id, 1 AS side FROM ({signed}) UNION ALL SELECT id, 2 AS side FROM ({logged})) "
        "GROUP BY id HAVING groupBitOr(side) = 1"
    )
elif join == "join":
    query = f"SELECT a.id FROM ({logged}) b RIGHT ANTI JOIN ({signed}) a ON a.id = b.id"
elif join == "in":
    query = f"SELECT id FROM ({signed}) WHERE id NOT IN ({logged})"
result = chdb.query(f"{query} SETTINGS max_threads={os.cpu_count()}, max_memory_usage=0", "TSV")
sys.stdout.buffer.write(result.bytes())
