"""litgpt's side of `train_step.py`, in the environment of the peers (`uv pip install litgpt`).

    python benches/compare/train_step_peer.py CASE

CASE is what `train_step.py` saved: fields of litgpt's `Config`, weights under Hugging Face's names, one batch. The step
is the one of `litgpt pretrain` (its loss in chunks, clipping, zeroing) with the embedding tied, as everyone's here, and
AdamW fused on the CPU too. Prints the first loss; then reads numbers of steps and answers each with its seconds.
"""

import contextlib
import sys
import time
from typing import Any

import torch
from litgpt.model import GPT, Config
from litgpt.utils import chunked_cross_entropy

# litgpt's name in a layer, and those that it joins, row under row.
LLAMA = {
    "norm_1.weight": ["input_layernorm.weight"],
    "attn.qkv.weight": [f"self_attn.{part}_proj.weight" for part in "qkv"],
    "attn.proj.weight": ["self_attn.o_proj.weight"],
    "norm_2.weight": ["post_attention_layernorm.weight"],
    "mlp.fc_1.weight": ["mlp.gate_proj.weight"],
    "mlp.fc_2.weight": ["mlp.up_proj.weight"],
    "mlp.proj.weight": ["mlp.down_proj.weight"],
}
FALCON = {
    "norm_1.weight": ["input_layernorm.weight"],
    "norm_1.bias": ["input_layernorm.bias"],
    "attn.qkv.weight": ["self_attention.query_key_value.weight"],
    "attn.proj.weight": ["self_attention.dense.weight"],
    "mlp.fc.weight": ["mlp.dense_h_to_4h.weight"],
    "mlp.proj.weight": ["mlp.dense_4h_to_h.weight"],
}


def weights_of(theirs: dict[str, torch.Tensor], layers: int) -> dict[str, torch.Tensor]:
    """The weights of a Hugging Face model under litgpt's names."""
    falcon = "transformer.word_embeddings.weight" in theirs
    top, layer, names = (
        ("transformer.", "transformer.h.", FALCON) if falcon else ("model.", "model.layers.", LLAMA)
    )
    embedding = theirs[top + ("word_embeddings.weight" if falcon else "embed_tokens.weight")]
    ours = {"transformer.wte.weight": embedding, "lm_head.weight": embedding}
    for part in ("weight", "bias") if falcon else ("weight",):
        ours[f"transformer.ln_f.{part}"] = theirs[top + ("ln_f." if falcon else "norm.") + part]
    for index in range(layers):
        for name, joined in names.items():
            ours[f"transformer.h.{index}.{name}"] = torch.cat([theirs[f"{layer}{index}.{n}"] for n in joined])
    return ours


def main() -> None:
    """Answer until there is nothing more to do."""
    case: dict[str, Any] = torch.load(sys.argv[1])
    torch.set_num_threads(case["threads"])
    model = GPT(Config(**case["config"]))
    model.load_state_dict(weights_of(case["weights"], case["config"]["n_layer"]))
    model.lm_head.weight = model.transformer.wte.weight
    model.train()
    parameters = list(model.parameters())
    adamw = torch.optim.AdamW(parameters, lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    forward = torch.compile(model) if case["compiled"] else model

    def step() -> float:
        narrow = torch.autocast("cpu", torch.bfloat16) if case["bf16"] else contextlib.nullcontext()
        with narrow:
            loss = chunked_cross_entropy(forward(case["inputs"]), case["labels"])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0, foreach=True)
        adamw.step()
        adamw.zero_grad()
        return float(loss.detach())

    print(step(), flush=True)
    while steps := int(sys.stdin.readline()):
        began = time.perf_counter()
        for _ in range(steps):
            step()
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
