"""Export to a Hugging Face folder: safetensors, config and tokenizer that stock `transformers` loads.

`rotrain.models.hf` maps the names of the tensors, and splits our fused matrices into the matrices that the class of
`transformers` expects. The weights are the same fp32 numbers, so the logits differ only because sums have another order. `padding` gives the
folder a pad token.
`check` compares them on the written folder.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rotrain.errors import RotrainError, reason
from rotrain.exporters.card import CARD, model_card
from rotrain.exporters.padding import padding_of
from rotrain.files import new_folder, write_atomic, write_json
from rotrain.models.decoder import Decoder
from rotrain.models.hf import hf_config, to_hf
from rotrain.models.quantized import check_not_quantized
from rotrain.run.checkpoint import write_tensors
from rotrain.run.load import TrainedModel

# Largest difference of a logit that the order of fp32 sums may cause.
TOLERANCE = 1e-4


def export_hf(trained: TrainedModel, out: Path, *, license: str | None = None) -> dict[str, Any]:
    """Write the folder `out`, complete or not at all, with a model card, and check it.

    Returns:
        The record: `out`, `step`, `bytes`, `max_logit_difference` and `tolerance`.

    Raises:
        RotrainError: `out` exists, `transformers` has no class for the model, or the logits differ.
    """
    if out.exists():
        raise RotrainError("this exists already", place=out, hint="choose another --out, or remove it")
    check_not_quantized(trained.model, trained.run.path)
    with new_folder(out) as temporary:
        padding = padding_of(trained)
        config = trained.model.config
        weights = to_hf(config, dict(trained.model.named_parameters()))
        write_tensors(temporary / "model.safetensors", weights, {"format": "pt"})
        described = hf_config(config, trained.eos_id, trained.bos_id, trained.stop_ids)
        described["pad_token_id"] = padding.id
        write_json(temporary / "config.json", described)
        # A high temperature would draw the pad token, and rows of the embedding without a token.
        never_drawn = [] if padding.id in (None, trained.eos_id) else [padding.id]
        never_drawn += range(trained.tokenizer.vocab_size, config.vocab_size)
        write_json(
            temporary / "generation_config.json",
            {key: described[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
            | ({"suppress_tokens": never_drawn} if never_drawn else {}),
        )
        write_atomic(temporary / "tokenizer.json", padding.tokenizer)
        write_json(
            temporary / "tokenizer_config.json",
            {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "model_max_length": config.context,
                "bos_token": trained.tokenizer.token(trained.begin_id),
                "eos_token": trained.tokenizer.token(trained.eos_id),
                **({} if padding.token is None else {"pad_token": padding.token}),
                # A decoder writes behind the end of its input, so the filling must be before it.
                "padding_side": "left",
                "clean_up_tokenization_spaces": False,
                **({} if trained.chat_template is None else {"chat_template": trained.chat_template}),
            },
        )
        card = model_card(trained, described["architectures"][0], out.name, license=license)
        write_atomic(temporary / CARD, card)
        difference = check(trained, temporary)
    return {
        "out": str(out),
        "step": trained.step,
        "bytes": sum(file.stat().st_size for file in out.iterdir()),
        "max_logit_difference": difference,
        "tolerance": TOLERANCE,
        "pad_token_id": padding.id,
        "notes": []
        if padding.token
        else ["the tokenizer has no token that could fill a batch: batches need one of yours"],
    }


def check(trained: TrainedModel, folder: Path) -> float | None:
    """Load the folder with stock `transformers`, and compare its token ids and logits with ours.

    Returns:
        The largest difference of logits; None if `transformers` is not installed.

    Raises:
        RotrainError: The difference is not below `TOLERANCE`, or the tokenizer gives other ids.
    """
    if importlib.util.find_spec("transformers") is None:
        return None
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    text = "Într-o zi, fata-mpăratului și-a zis: „Țara-i mare!” 2026 😀"
    if tokenizer.encode(text, add_special_tokens=False) != trained.tokenizer.encode(text):
        raise RotrainError("transformers' tokenizer gives other ids than ours", place=folder)
    try:
        theirs = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, trust_remote_code=False
        ).eval()
    except RuntimeError as error:  # it says so what the system refuses
        raise RotrainError(
            f"transformers cannot load it: {reason(error)}", place=folder, hint="run the same command again"
        ) from None
    generator = torch.Generator().manual_seed(0)
    shape = (1, min(trained.model.config.context, 1024))
    # The tokens exclude the end of a document: a model with a document mask does not see across it.
    tokens = torch.randint(trained.model.config.vocab_size - 1, shape, generator=generator)
    tokens += tokens >= trained.eos_id
    difference = largest_difference(trained.model, theirs, tokens)
    if not difference < TOLERANCE:
        raise RotrainError(
            f"transformers' logits differ from ours by {difference:.2e} (limit {TOLERANCE:g})", place=folder
        )
    return difference


@torch.inference_mode()
def largest_difference(ours: Decoder, theirs: Any, tokens: Tensor) -> float:
    """Return the largest difference between the logits of two models for token ids (B, T)."""
    return float((ours.logits(ours(tokens)) - theirs(tokens).logits).abs().max())
