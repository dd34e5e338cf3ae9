"""What people do to an exported folder with stock software: `python stock_circle.py OUT FOLDER...` prints one line of JSON for each.

It imports nothing of rotrain, so any environment with `transformers`, `peft` and `accelerate` can run it.
"""

from __future__ import annotations

import json
import sys
import warnings
from contextlib import redirect_stdout
from pathlib import Path
from threading import Thread
from typing import Any

import peft
import torch
import transformers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    DataCollatorForLanguageModeling,
    TextIteratorStreamer,
    Trainer,
    TrainingArguments,
    pipeline,
)

PROMPTS = ["A fost odată un", "Ana", "Pe drum mergea"]
# peft refuses the output matrix of Mamba-2: its fused kernels take the weight past the adapter.
MAMBA = ("mamba2", "granitemoehybrid")


def generated(model: Any, tokenizer: Any, prompts: list[str], **options: Any) -> torch.Tensor:
    batch = tokenizer(prompts, return_tensors="pt", padding=True)
    batch.pop("token_type_ids", None)
    return model.generate(**batch, max_new_tokens=6, **options)[:, batch["input_ids"].shape[1] :]


def circle(folder: Path, out: Path) -> dict[str, Any]:
    """Run one folder through the stock ways, save it to `out`, and say what was seen."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    seen: dict[str, Any] = {
        "transformers": transformers.__version__,
        "tokens": len(tokenizer),
        "rows": model.get_input_embeddings().weight.shape[0],
        "pad": tokenizer.pad_token_id,
        "eos": tokenizer.eos_token_id,
        "bos": tokenizer.bos_token_id,
        "side": tokenizer.padding_side,
    }
    pipe = pipeline("text-generation", model=model, tokenizer=tokenizer)
    greedy = {"max_new_tokens": 6, "do_sample": False, "return_full_text": False}
    batched = [found[0]["generated_text"] for found in pipe(PROMPTS, batch_size=3, **greedy)]
    seen["batch_equals_single"] = batched == [
        pipe(prompt, **greedy)[0]["generated_text"] for prompt in PROMPTS
    ]
    torch.manual_seed(0)
    drawn = generated(model, tokenizer, PROMPTS * 8, do_sample=True, temperature=8.0, top_k=0)
    ended = (drawn == tokenizer.eos_token_id).cumsum(1) > 0
    seen["pad_drawn"] = bool((drawn[~ended] == tokenizer.pad_token_id).any())
    streamer = TextIteratorStreamer(tokenizer, skip_prompt=True)
    one = tokenizer(PROMPTS[0], return_tensors="pt").input_ids
    task = Thread(
        target=model.generate,
        args=(one,),
        kwargs={"max_new_tokens": 6, "do_sample": False, "streamer": streamer},
    )
    task.start()
    whole = model.generate(one, max_new_tokens=6, do_sample=False)[0, one.shape[1] :]
    seen["stream_equals_whole"] = "".join(streamer) == tokenizer.decode(whole)
    task.join()

    collator = DataCollatorForLanguageModeling(tokenizer, mlm=False)
    rows = [{"input_ids": [*tokenizer(prompt).input_ids, tokenizer.eos_token_id]} for prompt in PROMPTS]
    labels = collator(rows)["labels"]
    seen["ends_in_labels"] = int((labels == tokenizer.eos_token_id).sum())
    seen["masked_labels"] = int((labels == -100).sum())
    kind = model.config.model_type
    targets = ["in_proj", "q_proj"] if kind in MAMBA else "all-linear"
    adapted = peft.get_peft_model(
        model, peft.LoraConfig(r=2, target_modules=targets, init_lora_weights=False)
    )
    seen["lora_loss"] = trained(adapted, rows, collator, out)
    model = adapted.merge_and_unload()
    model.requires_grad_(True)
    seen["loss"] = trained(model, rows, collator, out)
    if kind == "mamba2" and transformers.__version__ < "5":
        model._tied_weights_keys = [
            "lm_head.weight"
        ]  # 4.57 forgets it, and then refuses to save any tied Mamba-2
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return seen


def trained(model: Any, rows: list[dict[str, Any]], collator: Any, out: Path) -> float:
    """Train for two steps with the stock Trainer, and return the loss."""
    arguments = TrainingArguments(
        output_dir=str(out / "trainer"),
        max_steps=2,
        per_device_train_batch_size=3,
        report_to=[],
        use_cpu=True,
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
    )
    with redirect_stdout(sys.stderr):  # it prints its result
        done = Trainer(model, arguments, data_collator=collator, train_dataset=rows).train()
    return float(done.training_loss)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    for name in sys.argv[2:]:
        print(json.dumps(circle(Path(name), Path(sys.argv[1]) / Path(name).name)), flush=True)
