#!/usr/bin/env bash
# A shipped plan at full resolution on a GPU, in pieces of a chosen length, without network.
#
#   benchmarks/la_full.sh PLAN DATA OUT MINUTES      by default: table2 "2018LA_Seg_Training Set" bench-PLAN 60
#
# PLAN     name of a shipped plan, or a YAML file; DATA "" for plans that need none, such as smoke
# DATA     what the plan imports, or an archive of it (see below); read in the first piece only
# OUT      folder of the benchmark: everything that the next piece needs; copy it if the next piece runs elsewhere
# MINUTES  length of this piece. Then runs finish their step, save and stop, on top of MINUTES at most 15 more
#
# Call it again until it says that all runs are done. Exit code 0: the piece ended as planned, whether there is
# more to do or not. Else that of `alcseg benchmark`: 3 if runs failed (the next piece tries them again), 4 for
# data that cannot be used, 5 for a disk that is full. Further options of the command go into OPTIONS, such as
# OPTIONS="--jobs 2 --workers 4".
#
# To a machine without network, data travels as an archive of a few small files:
#
#   alcseg import "2018LA_Seg_Training Set" la-archive --archive 32    # here: parts of at most 32 MiB
#   benchmarks/la_full.sh table2 la-archive bench/table2 25            # there
#
# An archive holds images, labels and splits bit for bit, and states its voxel size. Where DATA is one, a copy of
# the plan in OUT-archive.yaml reads it as such. The split into HQ and LQ and the noise are drawn there, from the
# plan's seeds: they are the same on every machine.
set -euo pipefail
plan=${1:-table2} data=${2-2018LA_Seg_Training Set} minutes=${4:-60}
out=${3:-bench-$(basename "$plan" .yaml)}
read -r -a options <<< "${OPTIONS:-}"
[ -z "$data" ] || options+=(--data "$data")

mkdir -p "$(dirname "$out")"
if [ -n "$data" ] && [ -f "$data/archive.json" ]; then
  python=$(dirname "$(command -v alcseg)")/python
  [ -f "$plan" ] ||
    plan=$("$python" -c 'import importlib.resources as r; print(r.files("alcseg") / "plans")')/$plan.yaml
  sed -E 's/format: [a-z0-9-]+/format: archive/' "$plan" > "$out-archive.yaml"
  plan=$out-archive.yaml
fi

log=$out.log
echo "== $(date '+%F %T'): $minutes minutes" >> "$log"
before=$(wc -l < "$log")
# `alcseg benchmark` saves on SIGTERM; a process begun in the background ignores SIGINT. With --preserve-status its
# exit code comes through.
code=0
timeout --preserve-status --signal=TERM --kill-after=15m "${minutes}m" \
  alcseg benchmark "$plan" --out "$out" ${options[@]+"${options[@]}"} > "$out.txt" 2> >(tee -a "$log" >&2) || code=$?
sleep 1  # for the last lines of the log
done_of=$(tail -n "+$before" "$log" | grep -oE '^[0-9]+ of [0-9]+' | tail -n 1 || true)

case $code in
  0) echo "All runs are done (${done_of:-see $log}). Next: alcseg report $out" ;;
  130) echo "${done_of:-No} runs are done, more to do. Go on with the same command: $0 $(printf '%q ' "$@")" ;;
  137) echo "${done_of:-No} runs are done; killed before the running one had saved. The same command goes on at its last checkpoint." >&2 ;;
  *) echo "${done_of:-No} runs are done; alcseg benchmark ended with exit code $code, see $log." >&2 ;;
esac
[ "$code" = 130 ] || exit "$code"
