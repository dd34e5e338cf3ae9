#!/usr/bin/env bash
# The main job on real Romanian text, small enough for two cores: text -> blocks -> five models, trained, made small,
# scored and timed -> one report. The bars of the single steps are left out; every step can be typed by hand.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
rm -rf demo
mkdir demo
$bin/rotools sample --out demo/corpus.jsonl
$bin/rotools pack demo/corpus.jsonl --vocab-size 8000 --out demo/pack
$bin/rotools verify demo/pack
$bin/rotools report demo/pack
$bin/rotrain compare configs/study/demo.toml
$bin/rotrain generate demo/study/llama-mha-nano --prompt "Persoană care" --max-tokens 40
$bin/rotrain generate demo/study/mamba2-nano --prompt "Persoană care" --max-tokens 40
