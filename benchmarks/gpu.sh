#!/usr/bin/env bash
# What a GPU is asked when one is at hand: one call, printed as it goes; called again it goes on.
#
#   benchmarks/gpu.sh OUT MINUTES [OPTIONS of alcseg benchmark: PLAN --data DATA --runs RUNS --jobs N ...]
#   benchmarks/gpu.sh --smoke OUT               # the same on a CPU in two minutes, small: does it run at all?
#
# 1. tests marked gpu                      -> OUT/tests.txt
# 2. benchmarks/gpu.py                     -> OUT/step.md   step of ALC beside the lineage's loop
# 3. benchmarks/speed "confident learning" -> OUT/confident where cleanlab is installed
# 4. alcseg benchmark for the minutes that are left, by default ALC as written and Mean Teacher at full resolution
#                                          -> OUT/bench, what is to be kept of it in OUT/records
#
# What is there already is not done again. To a machine without network data travels as an archive, see
# la_full.sh. PYTHON names another interpreter, in which alcseg is installed or on PYTHONPATH.
set -euo pipefail
cd "$(dirname "$0")/.."
smoke=
if [ "${1:-}" = --smoke ]; then smoke=--smoke; shift; set -- "${1:-gpu-smoke}" 2; fi
out=${1:-gpu} minutes=${2:-9} started=$SECONDS
shift $(($# < 2 ? $# : 2))
if [ $# = 0 ]; then
  if [ -n "$smoke" ]; then set -- smoke --jobs 1
  else set -- table2 --data "2018LA_Seg_Training Set" --runs 'la-10/alc_as_written/*' 'la-10/mean_teacher/*' --jobs 2; fi
fi
python=${PYTHON:-python3}
mkdir -p "$out"

once() {  # once FILE COMMAND...: unless it ended well before; the rest goes on either way
  local file=$1; shift
  [ ! -s "$file" ] || { echo "$file is there"; return 0; }
  if "$@" 2>&1 | tee "$file.part"; then mv "$file.part" "$file"; else echo "$* ended with an error" >&2; fi
}

if [ -z "$smoke" ]; then
  once "$out/tests.txt" "$python" -m pytest -o addopts= -p no:cacheprovider -q -m gpu tests/test_gpu.py
fi
once "$out/step.md" "$python" benchmarks/gpu.py $smoke
if "$python" -c 'import cleanlab' 2> /dev/null && [ ! -d "$out/confident" ]; then
  "$python" benchmarks/speed "confident learning" --out "$out/confident" || echo "confident learning ended with an error" >&2
fi

left=$((minutes * 60 - (SECONDS - started)))
[ "$left" -gt 0 ] || { echo "No minute is left for trainings; the same command goes on."; exit 0; }
code=0
timeout --preserve-status --signal=TERM --kill-after=60s "$left" "$python" -m alcseg benchmark "$@" --out "$out/bench" \
  --records "$out/records" > "$out/bench.txt" 2> >(tee -a "$out/bench.log" >&2) || code=$?
cat "$out/bench.txt"
case $code in
  0) echo "All runs are done. Next: alcseg report $out/records" ;;
  130) echo "Stopped after $minutes minutes; the same command goes on." ;;
  *) echo "alcseg benchmark ended with exit code $code, see $out/bench.log." >&2; exit "$code" ;;
esac
