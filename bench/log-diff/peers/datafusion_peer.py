"""A - B in DataFusion: datafusion_peer.py FORMULATION IDS DIRECTORY EXTENSION"""

import glob
import os
import sys

from datafusion import SessionConfig, SessionContext

formulation, ids, directory, extension = sys.argv[1:]
uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
pattern = rf"notification\.sent doc=({uuid if ids == 'uuid' else '[^ ]{1,256}'})(?: |$)"
context = SessionContext(SessionConfig().with_target_partitions(os.cpu_count()))
options = (
    "'format.has_header' 'false', 'format.delimiter' '\x01', 'format.newlines_in_values' 'false', "
    "'format.truncated_rows' 'true', 'format.quote' '\x02'"
)
context.sql(f"CREATE EXTERNAL TABLE logs (line VARCHAR) STORED AS CSV LOCATION '{directory}/logs/' OPTIONS ({options})")
context.sql(f"CREATE EXTERNAL TABLE signed (id VARCHAR) STORED AS CSV LOCATION '{directory}/signed.txt' OPTIONS ({options})")
by_regex = f"regexp_match(line, '{pattern}')[1]"
if formulation == "regex":
    logged = f"SELECT {by_regex} AS id FROM logs WHERE line LIKE '%notification.sent doc=%'"
elif formulation == "substring":
    logged = (
        f"SELECT CASE WHEN substr(line, p + 58, 1) IN (' ', '') AND strpos(substr(line, p + 22), 'notification.sent doc=') = 0 "
        f"THEN substr(line, p + 22, 36) ELSE {by_regex} END AS id "
        "FROM (SELECT line, strpos(line, 'notification.sent doc=') AS p FROM logs) WHERE p > 0"
    )
out = os.path.join(os.environ["TMPDIR"], "datafusion")
context.sql(f"SELECT signed.id FROM signed LEFT ANTI JOIN ({logged}) b ON signed.id = b.id").write_csv(out)
sys.stdout.flush()
for path in glob.glob(f"{out}/**/*", recursive=True) + [out]:
    if os.path.isfile(path):
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                sys.stdout.buffer.write(block)
