"""A pack as a PyTorch dataset: the tokens are those of the files, by numpy, in the order of training."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_data import stream_of
from torch.utils.data import DataLoader, DistributedSampler

from rotrain.data.batches import BatchReader
from rotrain.data.curriculum import plan_curriculum
from rotrain.data.pack import open_pack
from rotrain.data.torch import PackDataset, PackStream
from rotrain.errors import RotrainError, UsageError


def blocks_of(pack: Path, split: str, phase: str, length: int) -> np.ndarray:
    """The blocks of a phase by numpy alone, (blocks, length + 1)."""
    tokens = stream_of(pack, split, phase)
    count = (len(tokens) - 1) // length
    return np.stack([tokens[i * length : (i + 1) * length + 1] for i in range(count)])


def rows(loader: Any) -> np.ndarray:
    """The inputs of all batches of a loader, (sequences, context)."""
    return np.concatenate([batch["input_ids"].numpy() for batch in loader])


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("split", ["train", "valid"])
def test_a_loader_gives_the_blocks_of_the_files(pack: Path, workers: int, split: Any) -> None:
    loader = DataLoader(PackDataset(pack, split=split), batch_size=3, num_workers=workers)
    truth = np.concatenate([blocks_of(pack, split, phase, 128) for phase in ("web", "books")])
    assert np.array_equal(rows(loader), truth[:, :-1])
    assert all(torch.equal(batch["input_ids"], batch["labels"]) for batch in loader)


def test_a_phase_a_context_and_shifted_labels(pack: Path) -> None:
    dataset = PackDataset(pack, "books", context=32, shifted=True)
    tokens = stream_of(pack, "train", "books")
    assert len(dataset) == (len(tokens) - 1) // 128 * 4
    for index in (0, 5, len(dataset) - 1, -1):
        at = (index % len(dataset)) * 32
        item = dataset[index]
        assert item["input_ids"].dtype == item["labels"].dtype == torch.int64
        assert np.array_equal(item["input_ids"], tokens[at : at + 32])
        assert np.array_equal(item["labels"], tokens[at + 1 : at + 33])
    with pytest.raises(IndexError):
        dataset[len(dataset)]
    for wrong, message in (
        ({"phase": "poems"}, "no phase 'poems'"),
        ({"split": "test"}, "no split 'test'"),
        ({"context": 48}, "does not divide"),
    ):
        with pytest.raises(UsageError, match=message):
            PackDataset(pack, **wrong)  # type: ignore[arg-type]


def test_a_pickled_dataset_reads_the_same_and_holds_no_tokens(pack: Path) -> None:
    dataset = PackDataset(pack)
    truth = dataset[7]["input_ids"]
    data = pickle.dumps(dataset)
    assert len(data) < 10_000
    assert torch.equal(pickle.loads(data)[7]["input_ids"], truth)
    stream = PackStream(pack, batch=4, steps=3)
    first = next(iter(stream))["input_ids"]
    assert torch.equal(next(iter(pickle.loads(pickle.dumps(stream))))["input_ids"], first)


def test_the_processes_of_a_sampler_share_the_blocks(pack: Path) -> None:
    dataset = PackDataset(pack)
    seen = [
        index
        for rank in range(2)
        for index in DistributedSampler(dataset, num_replicas=2, rank=rank, shuffle=True, drop_last=False)
    ]
    assert set(seen) == set(range(len(dataset))) and len(seen) <= len(dataset) + 1


def order_of_training(pack: Path, steps: int, batch: int, context: int, seed: int) -> np.ndarray:
    """The sequences of a run, in the order in which the trainer reads them, (steps * batch, context + 1)."""
    curriculum = plan_curriculum(
        open_pack(pack), context=context, batch=batch, steps=steps, replay=0.05, ramp=0.01
    )
    reader = BatchReader(curriculum, context, seed)
    out = np.empty((steps, batch, context + 1), dtype=np.int64)
    for step in range(steps):
        reader.read(step, out[step])
    return out.reshape(-1, context + 1)


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
def test_a_stream_has_the_order_of_training_for_any_number_of_workers(pack: Path, workers: int) -> None:
    stream = PackStream(pack, batch=6, steps=9, context=32, batch_size=4, seed=3)
    truth = order_of_training(pack, steps=9, batch=6, context=32, seed=3)
    assert len(stream) == len(truth) == 54
    assert np.array_equal(rows(DataLoader(stream, batch_size=4, num_workers=workers)), truth[:, :-1])


def test_workers_with_another_batch_size_lose_and_repeat_nothing(pack: Path) -> None:
    stream = PackStream(pack, batch=6, steps=9, context=32, batch_size=1)
    truth = order_of_training(pack, steps=9, batch=6, context=32, seed=0)[:, :-1]
    found = rows(DataLoader(stream, batch_size=4, num_workers=2))
    assert sorted(map(bytes, found)) == sorted(map(bytes, truth))


def test_processes_read_their_rows_of_each_step(pack: Path) -> None:
    truth = order_of_training(pack, steps=5, batch=6, context=32, seed=0)[:, :-1].reshape(5, 6, 32)
    for rank in range(3):
        stream = PackStream(pack, batch=6, steps=5, context=32, rank=rank, world_size=3)
        found = rows(DataLoader(stream, batch_size=2)).reshape(5, 2, 32)
        assert np.array_equal(found, truth[:, 2 * rank : 2 * rank + 2])
    with pytest.raises(UsageError, match="do not fit together"):
        PackStream(pack, batch=6, steps=5, context=32, rank=0, world_size=4)


def taken(iterator: Iterator[Any], count: int) -> np.ndarray:
    """The inputs of the next `count` items."""
    return np.stack([next(iterator)["input_ids"].numpy() for _ in range(count)])


def test_a_stream_resumes_at_the_exact_sequence(pack: Path) -> None:
    def fresh(seed: int = 0) -> PackStream:
        return PackStream(pack, batch=6, steps=5, context=32, batch_size=4, seed=seed)

    truth = order_of_training(pack, steps=5, batch=6, context=32, seed=0)[:, :-1]
    first = fresh()
    assert np.array_equal(taken(iter(first), 7), truth[:7])
    state = first.state_dict()
    second = fresh()
    second.load_state_dict(state)
    assert np.array_equal(taken(iter(second), 6), truth[7:13])
    third = fresh()
    third.load_state_dict(second.state_dict())
    assert np.array_equal(rows(DataLoader(third, batch_size=4)), truth[13:])
    # Another resume continues with workers, from where the batches of a loader ended.
    for workers in (0, 2):
        later = fresh()
        later.seek(8)
        assert np.array_equal(rows(DataLoader(later, batch_size=4, num_workers=workers)), truth[8:])
        loaded = fresh()
        loaded.load_state_dict(state)
        assert np.array_equal(rows(DataLoader(loaded, batch_size=4, num_workers=workers)), truth[7:])
    # After its end a stream starts again, and so does a pass that follows an abandoned one.
    assert len(list(third)) == len(truth)
    assert np.array_equal(taken(iter(third), 3), truth[:3]) and np.array_equal(
        taken(iter(third), 3), truth[:3]
    )
    with pytest.raises(RotrainError, match="seed differ"):
        fresh(seed=1).load_state_dict(state)
    with pytest.raises(UsageError, match="outside a stream"):
        fresh().seek(31)


def test_a_mixed_stream_and_fractions(pack: Path) -> None:
    mixed = PackStream(pack, batch=4, steps=10, context=32, mixed=True)
    assert [stage.name for stage in mixed.batches.curriculum.stages] == ["mixed"]
    books = PackStream(pack, batch=4, steps=10, context=32, fractions={"web": 0.2, "books": 0.8})
    assert [stage.steps for stage in books.batches.curriculum.stages] == [2, 8]


def test_the_hugging_face_trainer_trains_on_a_pack(pack: Path, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate", reason="the Trainer of transformers needs the package accelerate")
    from packs import train_tokenizer
    from test_gguf import trained

    from rotrain.exporters.hf import export_hf

    export_hf(trained(tmp_path / "run", "llama-gqa", train_tokenizer(), context=128), tmp_path / "hf")
    args = transformers.TrainingArguments(
        output_dir=str(tmp_path / "out"),
        max_steps=3,
        per_device_train_batch_size=4,
        learning_rate=1e-2,
        logging_steps=1,
        report_to=[],
        save_strategy="no",
        use_cpu=True,
    )
    for dataset in (PackDataset(pack), PackStream(pack, batch=4, steps=3, batch_size=4)):
        model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "hf")
        trainer = transformers.Trainer(model=model, args=args, train_dataset=dataset)
        trainer.train()
        losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
        assert len(losses) == 3 and losses[-1] < losses[0]
