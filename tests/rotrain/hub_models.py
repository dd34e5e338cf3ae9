"""Small random models of other people's families, each with a tokenizer of its family's kind, made without a network."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

TEXT = [
    "În grădina de lângă gară, un bătrân aduna mere și povestea despre război.",
    "Fata împăratului și-a luat rămas-bun; țara era mare, iar drumul lung.",
    "Ședința s-a ținut într-un oraș de 1.234 de suflete. „Așa-i”, zise el.",
] * 20
SPECIAL = ["<unk>", "<s>", "</s>"]
SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
}


def byte_level(special: list[str]) -> Tokenizer:
    """GPT-2's kind: bytes, split by its pattern."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(TEXT, trainer)
    return tokenizer


def sentencepiece_bpe() -> Tokenizer:
    """Gemma's and Llama 2's kind: a space is `▁`, one is put before the text, unknown characters become bytes."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    parts = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    tokenizer.decoder = decoders.Sequence(parts)
    special = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=special)
    tokenizer.train_from_iterator([text.replace(" ", "▁") for text in TEXT], trainer)
    # The bytes are in the vocabulary, but they are text: a special token would not be decoded.
    content = json.loads(tokenizer.to_str())
    content["added_tokens"] = [one for one in content["added_tokens"] if one["content"] in SPECIAL]
    return Tokenizer.from_str(json.dumps(content))


def unigram() -> Tokenizer:
    """T5's kind: pieces with probabilities, several spaces become one."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Replace(tokenizers.Regex(" {2,}"), " ")
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=200, special_tokens=SPECIAL, unk_token="<unk>")
    tokenizer.train_from_iterator(TEXT, trainer)
    return tokenizer


def _llama(vocabulary: int) -> Any:
    return transformers.LlamaConfig(vocab_size=vocabulary, bos_token_id=1, eos_token_id=2, **SHAPE)


def _gpt2(vocabulary: int) -> Any:
    return transformers.GPT2Config(
        vocab_size=vocabulary, n_embd=32, n_layer=2, n_head=4, n_positions=64, bos_token_id=0, eos_token_id=0
    )


def _gemma(vocabulary: int) -> Any:
    return transformers.GemmaConfig(vocab_size=vocabulary, bos_token_id=1, eos_token_id=2, **SHAPE)


def _qwen(vocabulary: int) -> Any:
    return transformers.Qwen2Config(vocab_size=vocabulary, bos_token_id=None, eos_token_id=0, **SHAPE)


def _mistral(vocabulary: int) -> Any:
    return transformers.MistralConfig(vocab_size=vocabulary, bos_token_id=1, eos_token_id=2, **SHAPE)


Family = tuple[Callable[[int], Any], Callable[[], Tokenizer], dict[str, str]]
NAMES = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
FAMILIES: dict[str, Family] = {
    "llama": (_llama, lambda: byte_level(SPECIAL), {"bos_token": "<s>", "eos_token": "</s>"}),
    "gpt2": (_gpt2, lambda: byte_level(["<|endoftext|>"]), {"eos_token": "<|endoftext|>"}),
    "gemma": (_gemma, sentencepiece_bpe, NAMES),
    "qwen2": (_qwen, lambda: byte_level(["<|endoftext|>"]), {"eos_token": "<|endoftext|>"}),
    "mistral": (_mistral, unigram, NAMES),
}


def write_families(folder: Path) -> Iterator[tuple[str, Path]]:
    """Write a folder for each family."""
    for name, (config, tokenizer, names) in FAMILIES.items():
        torch.manual_seed(0)
        made = tokenizer()
        model = transformers.AutoModelForCausalLM.from_config(config(made.get_vocab_size()))
        model.save_pretrained(folder / name)
        transformers.PreTrainedTokenizerFast(tokenizer_object=made, **names).save_pretrained(folder / name)
        yield name, folder / name
