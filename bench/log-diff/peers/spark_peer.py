"""A - B in Spark, local: spark_peer.py FORMULATION IDS DIRECTORY EXTENSION"""

import glob
import os
import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

formulation, ids, directory, extension = sys.argv[1:]
uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
pattern = rf"notification\.sent doc=({uuid if ids == 'uuid' else '[^ ]{1,256}'})(?: |$)"
temporary = os.environ["TMPDIR"]
spark = (
    SparkSession.builder.master(f"local[{os.cpu_count()}]")
    .config("spark.driver.memory", "12g")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.sql.shuffle.partitions", "16")
    .config("spark.ui.enabled", "false")
    .config("spark.local.dir", temporary)
    .config("spark.sql.files.maxPartitionBytes", "256m")
    .config("spark.sql.files.openCostInBytes", "65536")
    .config("spark.log.level", "ERROR")
    .getOrCreate()
)
signed = spark.read.text(f"{directory}/signed.txt").toDF("id")
logged = (
    spark.read.text(f"{directory}/logs/*{extension}")
    .where(F.col("value").contains("notification.sent doc="))
    .select(F.regexp_extract("value", pattern, 1).alias("id"))
)
if formulation == "shuffle-hash":
    logged = logged.hint("shuffle_hash")
out = os.path.join(temporary, "spark-result")
signed.join(logged, "id", "left_anti").write.mode("overwrite").text(out)
spark.stop()
for path in glob.glob(f"{out}/part-*"):
    with open(path, "rb") as file:
        sys.stdout.buffer.write(file.read())
