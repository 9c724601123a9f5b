#!/usr/bin/env bash
# Tries mgr_jax on this machine's accelerator, unattended and without network, in eight minutes:
#   launch/gpu_check.sh [--tiny] [--out FILE]
# prepares the embedded dataset, trains, evaluates, predicts, and times front ends, training steps and
# training from int16 audio beside PyTorch. What a bare machine lacks it takes from wheels in .whl/,
# where there are some. All goes to one JSON, by default gpu_check.json, in $OUT where that is set.
# --tiny is for a CPU. The exit code is 1 if a part failed; the file says which and why.
set -euo pipefail
size=full
out=${OUT:-.}/gpu_check.json
while [ $# -gt 0 ]; do
  case $1 in
    --tiny) size=tiny ;;
    --out) out=${2:?--out needs a file}; shift ;;
    --out=*) out=${1#--out=} ;;
    *) echo "usage: gpu_check.sh [--tiny] [--out FILE]" >&2; exit 2 ;;
  esac
  shift
done
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1
python=${PYTHON:-python3}
if compgen -G "$root/.whl/*.whl" > /dev/null; then
  site=$(mktemp -d)
  trap 'rm -rf "$site"' EXIT
  "$python" -m pip install -q --no-index --no-deps --target "$site" "$root"/.whl/*.whl
  PYTHONPATH=$site:$PYTHONPATH
fi
"$python" -m mgr_jax.benchmark.device_check "$out" "$size"
