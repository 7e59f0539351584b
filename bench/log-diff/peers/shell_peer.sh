#!/bin/bash
# A - B by shell pipelines: shell_peer.sh FORMULATION IDS DIRECTORY EXTENSION
set -euo pipefail
export LC_ALL=C
formulation=$1 ids=$2 directory=$3 extension=$4 t=$TMPDIR
if [[ $ids == uuid ]]; then id='[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'; else id='[^ ]{1,256}'; fi
pattern="notification\\.sent doc=\\K$id(?= |\$)"
case $extension in
  .log) read_all=cat ;;
  .log.gz) read_all=zcat ;;
  .log.zst) read_all=zstdcat ;;
esac
even=("$directory"/logs/*[02468]"$extension") odd=("$directory"/logs/*[13579]"$extension")
case $formulation in
  # A is sorted while two greps feed one parallel sort. Into one pipe, two greps would tear each other's lines.
  grep)
    sort -u -S 2G --parallel=2 "$directory/signed.txt" >"$t/a" &
    sort -u -S 4G --parallel=2 <("$read_all" "${even[@]}" | grep -aoP "$pattern") <("$read_all" "${odd[@]}" | grep -aoP "$pattern") >"$t/b"
    wait
    comm -23 "$t/a" "$t/b"
    ;;
  ripgrep)
    sort -u -S 2G --parallel=2 "$directory/signed.txt" >"$t/a" &
    rg -z -a -N -I -o -j2 --no-unicode -P "$pattern" "$directory/logs" | sort -u -S 4G --parallel=2 >"$t/b"
    wait
    comm -23 "$t/a" "$t/b"
    ;;
  # One hash table an mawk, each with half of A by its last digit; both read everything.
  mawk)
    for half in 0 1; do
      "$read_all" "$directory"/logs/*"$extension" | mawk -v half=$half '
        FNR == NR { if ((index("13579bdf", substr($1, length($1))) > 0) == half) signed[$1]; next }
        (i = index($0, "notification.sent doc=")) > 0 {
          rest = $0
          do {
            rest = substr(rest, i + 22)
            end = index(rest, " ")
            delete signed[end > 0 ? substr(rest, 1, end - 1) : rest]
          } while ((i = index(rest, "notification.sent doc=")) > 0)
        }
        END { for (id in signed) print id }' "$directory/signed.txt" - >"$t/$half" &
    done
    wait
    cat "$t/0" "$t/1"
    ;;
  count-lines) wc -l "$directory"/logs/*"$extension" ;;
esac
