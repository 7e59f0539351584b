"""A - B in Polars, streaming: polars_peer.py FORMULATION IDS DIRECTORY EXTENSION"""

import sys

import polars as pl

formulation, ids, directory, extension = sys.argv[1:]
uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
pattern = rf"notification\.sent doc=({uuid if ids == 'uuid' else '[^ ]{1,256}'})(?: |$)"
marker = "notification.sent doc="
lines = pl.scan_csv(
    f"{directory}/logs/*{extension}",
    has_header=False,
    separator="\x01",
    quote_char=None,
    schema={"line": pl.String},
    encoding="utf8-lossy",
    truncate_ragged_lines=True,
)
signed = pl.scan_csv(f"{directory}/signed.txt", has_header=False, quote_char=None, schema={"id": pl.String})
line = pl.col("line")
marked = lines.filter(line.str.contains(marker, literal=True))
if formulation == "regex":
    logged = marked.select(line.str.extract(pattern, 1).alias("id"))
elif formulation == "slice":
    rest = line.str.slice(line.str.find(marker, literal=True) + len(marker))
    rests = marked.select("line", rest.alias("rest"))
    if ids == "uuid":
        certain = (pl.col("rest").str.len_bytes() == 36) | (pl.col("rest").str.slice(36, 1) == " ")
        taken = pl.col("rest").str.slice(0, 36)
    else:
        space = pl.col("rest").str.find(" ", literal=True)
        certain = space.is_between(1, 256)
        taken = pl.col("rest").str.slice(0, space)
    certain = (certain & ~pl.col("rest").str.contains(marker, literal=True)).fill_null(False)
    logged = pl.concat(
        [
            rests.filter(certain).select(taken.alias("id")),
            rests.filter(~certain).select(line.str.extract(pattern, 1).alias("id")),
        ]
    )
result = signed.join(logged, on="id", how="anti", maintain_order="none").collect(engine="streaming")
result.write_csv(sys.stdout.buffer, include_header=False)
