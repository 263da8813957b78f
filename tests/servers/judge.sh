#!/usr/bin/env bash
# Checks each server of many.sh three times, with the right password, in cleartext or STLS and over TLS, and lists every finding with its octets, for a
# person to judge:
#
#     judge.sh POPTALK FOLDER [SERVER...]
#
# FOLDER gets SERVER.txt (the report), SERVER-N.json (each run, with the transcripts in SERVER-N/) and findings.tsv: server, way, level, rule,
# in how many of the three runs, probes, the octets, the message. Ends with 1 if the runs of a server differ.
set -euo pipefail
poptalk=$(readlink -f "$1") folder=$2
shift 2
here=$(dirname "$(readlink -f "$0")")
[ $# -gt 0 ] || read -ra servers < <("$here/many.sh" list)
[ $# -eq 0 ] || servers=("$@")
mkdir -p "$folder"
cd "$folder"
echo secret >password
: >findings.tsv
port=41000
for server in "${servers[@]}"; do
  port=$((port + 10))
  setsid "$here/many.sh" "$server" $port $((port + 1)) </dev/null >"$server.log" 2>&1 &
  pid=$!
  for _ in $(seq 600); do grep -qE 'ready|ended|no greeting' "$server.log" && break; sleep 0.5; done
  # What fills the maildrop may need a moment more.
  sleep 3
  user=alice
  case $server in twisted | fengtang) user=alice@test ;; esac
  for way in clear tls; do
    options=(--insecure --allow-plaintext)
    at=$port
    if [ $way = tls ]; then
      at=$((port + 1))
      options+=(--tls)
      { exec 3<>"/dev/tcp/127.0.0.1/$at"; } 2>/dev/null || continue
      exec 3>&-
    fi
    for run in 1 2 3; do
      name=$server-$way-$run
      mkdir -p "$name"
      XDG_STATE_HOME=$PWD/$name "$poptalk" check 127.0.0.1:$at -u $user --password-file password "${options[@]}" --strict --format json >"$name.json" 2>"$name.err" ||
        true
    done
    XDG_STATE_HOME=$PWD/$server-$way-1 "$poptalk" check 127.0.0.1:$at -u $user --password-file password "${options[@]}" --strict -v >"$server-$way.txt" 2>&1 || true
    python3 - "$server" $way >>findings.tsv <<'PY'
import collections, json, sys
server, way = sys.argv[1:]
runs = []
for run in (1, 2, 3):
    found = collections.defaultdict(lambda: [[], ""])
    try:
        judged = json.load(open(f"{server}-{way}-{run}.json"))["judged"]
    except Exception as error:
        print(server, way, "-", "no-report", run, "-", "-", repr(error), sep="\t")
        judged = []
    for probe in judged:
        for finding in probe["findings"]:
            entry = found[finding["level"], finding["id"], finding.get("octets") or ""]
            entry[0].append(probe.get("probe") or "across")
            entry[1] = finding["message"]
    runs.append(found)
for key in sorted({key for found in runs for key in found}):
    seen = [found[key] for found in runs if key in found]
    print(server, way, key[0], key[1], len(seen), ",".join(seen[0][0]), key[2], seen[0][1], sep="\t")
PY
  done
  kill $pid 2>/dev/null || true
  wait $pid 2>/dev/null || true
done
# Octets that differ each time (stamps, session names) make rows of their own: what counts is the rule.
python3 - <<'PY'
import collections, csv, sys
seen = collections.Counter()
for row in csv.reader(open("findings.tsv"), delimiter="\t", quoting=csv.QUOTE_NONE):
    seen[row[0], row[1], row[3]] += int(row[4])
differ = [key for key, count in seen.items() if count % 3]
for key in differ:
    print("differs between runs:", *key)
print(f"{len(seen)} rules found something, at {len({key[0] for key in seen})} servers; {len(differ)} not in each of three runs")
sys.exit(bool(differ))
PY
