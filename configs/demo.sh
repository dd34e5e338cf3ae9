#!/usr/bin/env bash
# The main job on real Romanian text, small enough for two cores: text -> blocks -> two trained models -> samples.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
rm -rf demo
mkdir demo
$bin/rotools sample --out demo/corpus.jsonl
$bin/rotools pack demo/corpus.jsonl --vocab-size 8000 --out demo/pack
$bin/rotools verify demo/pack
for arch in llama-mha mamba2; do
  $bin/rotrain fit --arch $arch --size nano --data demo/pack --out demo/$arch --steps 150
  $bin/rotrain generate demo/$arch --prompt "Persoană care" --max-tokens 40
done
