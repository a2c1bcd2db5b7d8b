# Sourced by the scripts: `packages` is what to pip install; sets $PYTHON and goes into a temporary folder.
set -euo pipefail
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ $# -gt 0 ]; then
    PYTHON=$(realpath -s "$1")
else
    python3 -m venv "$work/env"
    PYTHON=$work/env/bin/python
    "$PYTHON" -m pip install --quiet --disable-pip-version-check "${packages[@]}"
fi
cd "$work"
