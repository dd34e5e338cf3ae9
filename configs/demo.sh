#!/usr/bin/env bash
# The main job on real Romanian text, small enough for two cores: text -> blocks -> a trained model -> a sample.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
rm -rf demo
mkdir demo
$bin/rotools sample --out demo/corpus.jsonl
$bin/rotools pack demo/corpus.jsonl --vocab-size 8000 --out demo/pack
$bin/rotools verify demo/pack
$bin/rotrain fit --arch llama-mha --size nano --data demo/pack --out demo/run --steps 150
$bin/rotrain generate demo/run --prompt "Persoană care" --max-tokens 40
