"""A - B in DuckDB: duckdb_peer.py FORMULATION[ in MEMORY] IDS DIRECTORY EXTENSION"""

import os
import sys

import duckdb

formulation, ids, directory, extension = sys.argv[1:]
formulation, _, memory = formulation.partition(" in ")
uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
pattern = rf"notification\.sent doc=({uuid if ids == 'uuid' else '[^ ]{1,256}'})(?: |$)"
kind = "UUID" if ids == "uuid" else "VARCHAR"
lines = (
    f"read_csv('{directory}/logs/*{extension}', header=false, delim='\\x01', quote='', escape='', comment='', "
    "columns={'line':'VARCHAR'}, auto_detect=false, ignore_errors=true, strict_mode=false, max_line_size=1048576)"
)
signed = (
    f"read_csv('{directory}/signed.txt', header=false, columns={{'id':'{kind}'}}, delim=',', quote='', escape='', "
    "auto_detect=false)"
)
cast = "TRY_CAST(%s AS UUID)" if ids == "uuid" else "%s"
by_regex = cast % f"regexp_extract(line, '{pattern}', 1)"
if formulation == "regex":
    logged = f"SELECT {by_regex} AS id FROM {lines} WHERE contains(line, 'notification.sent doc=')"
elif formulation == "substring":
    # By position where the line leaves no doubt, by the expression where a torn record may hide.
    certain = (
        "length(r) >= 36 AND (length(r) = 36 OR r[37] = ' ')" if ids == "uuid" else "position(' ' IN r) BETWEEN 2 AND 257"
    )
    taken = "left(r, 36)" if ids == "uuid" else "left(r, position(' ' IN r) - 1)"
    by_position = cast % (
        f"CASE WHEN {certain} AND NOT contains(r, 'notification.sent doc=') THEN {taken} "
        f"ELSE regexp_extract(line, '{pattern}', 1) END"
    )
    logged = (
        f"SELECT {by_position} AS id FROM (SELECT line, "
        f"substr(line, nullif(strpos(line, 'notification.sent doc='), 0) + 22) AS r FROM {lines}) WHERE r IS NOT NULL"
    )
database = duckdb.connect()
database.execute(f"SET threads={os.cpu_count()}")
database.execute("SET preserve_insertion_order=false")
if memory:
    database.execute(f"SET memory_limit='{memory}'")
database.execute(f"SET temp_directory='{os.environ['TMPDIR']}'")
query = f"SELECT a.id FROM {signed} a ANTI JOIN ({logged}) b ON a.id = b.id"
database.execute(f"COPY ({query}) TO '/dev/stdout' (FORMAT csv, HEADER false, QUOTE '')")
