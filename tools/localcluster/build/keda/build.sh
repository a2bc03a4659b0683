#!/usr/bin/env bash
# Builds real KEDA into a folder: build.sh FOLDER. Half an hour on two cores, so no test run does it by itself.
# Then `SCALEWARDEN_KEDA=FOLDER python -m pytest tests/cluster/test_keda.py`.
set -euo pipefail
mkdir -p "$1/crds"
folder=$(cd "$1" && pwd)
cd "$(dirname "$0")"
export CGO_ENABLED=0 GOFLAGS=-mod=readonly GOWORK=off
for part in operator adapter; do
  go build -p 2 -trimpath -buildvcs=false -ldflags "-s -w" -o "$folder/keda-$part" "github.com/kedacore/keda/v2/cmd/$part"
done
cp "$(go list -m -f '{{.Dir}}' github.com/kedacore/keda/v2)"/config/crd/bases/*.yaml "$folder/crds/"
