"""Train on a pack in a PyTorch loop of your own: a dataset, a loader, a model, an optimizer.

    python examples/own_loop.py [pack] [--steps 20] [--workers 0]

Without a pack, the corpus of pack_and_train.py is packed into `example/pack`. The order of the sequences does not depend on
the number of workers. `PackStream.state_dict` and `seek` continue a loop that was stopped.
"""

import argparse
import math
from pathlib import Path

import torch
from pack_and_train import write_corpus
from torch.utils.data import DataLoader

import rotools
import rotrain


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pack", nargs="?", type=Path)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--workers", type=int, default=0)
    arguments = parser.parse_args()
    path = arguments.pack or Path("example/pack")
    if arguments.pack is None and not path.exists():
        corpus = write_corpus(path.parent / "corpus.jsonl")
        rotools.pack(corpus, path, vocab_size=400, valid_share=0.2, filter=False, dedup=False)

    pack, context, batch = rotrain.open_pack(path), 128, 8
    stream = rotrain.PackStream(
        pack, batch=batch, steps=arguments.steps, context=context, batch_size=batch, shifted=True
    )
    loader = DataLoader(stream, batch_size=batch, num_workers=arguments.workers)
    shape = rotrain.model_config("llama-gqa", "nano", vocab_size=pack.vocab_size, context=context)
    model = rotrain.Decoder(shape)
    model.init_weights(seed=0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step, items in enumerate(loader, 1):
        # `loss` sums over the tokens. Our models do not shift: with shifted=True the labels are the next tokens.
        loss = model.loss(items["input_ids"], items["labels"]) / items["labels"].numel()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if step == 1 or step % 10 == 0:
            print(f"step {step}: loss {float(loss):.3f} nats a token, {float(loss) / math.log(2):.3f} bits")


if __name__ == "__main__":
    main()
