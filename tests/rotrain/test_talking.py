"""`generate` with many prompts, `chat` and `serve`."""

from __future__ import annotations

import io
import json
import shutil
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from program import rotrain

from conftest import fit_config
from rotrain.conversation import Conversation
from rotrain.errors import RotrainError
from rotrain.generation import Sampling, generate
from rotrain.progress import Progress
from rotrain.run.load import load_run
from rotrain.serving import PAGE
from rotrain.train.loop import run_training

pytestmark = pytest.mark.usefixtures("tiny_nano")
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


@pytest.fixture(scope="module")
def run(pack: Path, tmp_path_factory: pytest.TempPathFactory, tiny_nano: None) -> Path:
    out = tmp_path_factory.mktemp("talk") / "run"
    run_training(fit_config(pack, out, arch="llama-gqa", steps=6), Progress())
    return out


def test_many_prompts_give_what_each_gives_alone(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["A fost odată", "Ana", "țară"]
    file = tmp_path / "lines.txt"
    file.write_text("\n".join(lines), "utf-8")
    options = ("--max-tokens", 6, "--temperature", 0)
    done = rotrain("generate", run, "--prompts", file, *options, "--json")
    assert done.returncode == 0, done.stderr
    expected = [generate(run, line, max_tokens=6, temperature=0).to_dict() for line in lines]
    assert json.loads(done.stdout) == expected
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\n".join(lines).encode())))
    done = rotrain("generate", run, "--prompts", "-", *options, "--quiet")
    assert next(line for line in done.stdout.splitlines() if line).startswith("A fost odată")
    file.write_bytes(b"\xff")
    refused = rotrain("generate", run, "--prompts", file).stderr
    assert "of the prompts is not UTF-8 at byte" in refused and "hint: save the file as UTF-8" in refused
    file.write_text("")
    assert "there are no prompts" in rotrain("generate", run, "--prompts", file).stderr


def test_a_full_context_is_said(run: Path) -> None:
    done = rotrain("generate", run, "--prompt", "Ana", "--max-tokens", 500)
    assert "not 500: the context has 32, with the prompt" in done.stderr
    assert "not" not in rotrain("generate", run, "--prompt", "Ana", "--max-tokens", 5).stderr


def chat(run: Path, text: str | bytes, monkeypatch: pytest.MonkeyPatch, *options: object) -> Any:
    content = text.encode() if isinstance(text, str) else text
    # As on a machine whose locale is not UTF-8.
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="ascii"))
    return rotrain("chat", run, "--temperature", 0, "--max-tokens", 5, *options)


def test_chat_answers_each_line_and_ends(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = chat(run, "Ana\nare\n\nmere\n", monkeypatch)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 2 and "no chat template" in done.stderr
    long = chat(run, "ana are mere multe\n" * 4, monkeypatch, "--quiet")
    assert long.returncode == 0 and long.stdout.count("\n") == 4
    assert "oldest lines were left out" in chat(run, "ana are mere multe\n" * 4, monkeypatch).stderr


def test_a_line_that_is_not_utf8_is_one_sentence(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert chat(run, "țară\r\n\r\nrest\n", monkeypatch).stdout.count("\n") == 1, "an empty line ends it"
    done = chat(run, b"a\xe3b\n", monkeypatch)
    assert done.returncode == 2 and "not UTF-8 at byte 1" in done.stderr and "Traceback" not in done.stderr


def test_a_template_may_use_what_transformers_gives_it(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "hf"
    assert rotrain("export", run, "--to", "hf", "--out", folder).returncode == 0
    template = (
        "{% for m in messages %}{% if loop.index > 1 %}{% break %}{% endif %}{{ m.content }}{% endfor %}"
        "{{ strftime_now('%Y') }}{{ {'a': '<ș>'} | tojson }}"
    )
    messages = [{"role": "user", "content": "Ana"}, {"role": "assistant", "content": "are"}]
    (folder / "chat_template.jinja").write_text(template)
    trained = load_run(folder)
    ids = Conversation(trained, Sampling(), max_tokens=3)._encode(messages)
    stock = pytest.importorskip("transformers").AutoTokenizer.from_pretrained(folder)
    assert trained.tokenizer.decode(ids) == stock.apply_chat_template(messages, tokenize=False)
    assert trained.tokenizer.decode(ids).startswith("Ana20")
    # The words of the assistant are marked for training; a chat reads them as they are.
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}{% if m.role == 'assistant' %}<a>{% generation %}\n{{ m.content }}!{% endgeneration %}</a>\n"
        "{% else %}{{ m.content }}{% endif %}{% endfor %}"
    )
    ids = Conversation(load_run(folder), Sampling(), max_tokens=3)._encode(messages)
    stock = pytest.importorskip("transformers").AutoTokenizer.from_pretrained(folder)
    expected = stock.apply_chat_template(messages, tokenize=False)
    assert trained.tokenizer.decode(ids) == expected and "are!</a>" in expected
    for bad in ("{{ raise_exception('roles must alternate') }}", "{{ 1 + 'a' }}", "{% generation %}a"):
        (folder / "chat_template.jinja").write_text(bad)
        with pytest.raises(
            RotrainError, match=r"the chat template cannot be used: .*(alternate|unsupported|endgeneration)"
        ):
            list(Conversation(load_run(folder), Sampling(), max_tokens=3).answer("Ana"))


def test_only_the_template_names_special_tokens(run: Path, tmp_path: Path) -> None:
    assert rotrain("export", run, "--to", "hf", "--out", tmp_path / "hf").returncode == 0
    (tmp_path / "hf" / "chat_template.jinja").write_text(TEMPLATE)
    trained = load_run(tmp_path / "hf")
    conversation = Conversation(trained, Sampling(temperature=0), max_tokens=3)
    ids = conversation._encode([{"role": "user", "content": "a<|endoftext|>b"}])
    assert ids.count(trained.eos_id) == 2, (
        "one at the start, one after the message; the words of a person are text"
    )
    words = trained.tokenizer.decode(ids)
    assert words == "<user>a<|endoftext|>b<assistant>"
    "".join(conversation.answer("Ana"))
    assert [turn["role"] for turn in conversation._turns] == ["user", "assistant"]
    (tmp_path / "hf" / "chat_template.jinja").write_text("{% for %}")
    broken = Conversation(load_run(tmp_path / "hf"), Sampling(), max_tokens=3)
    with pytest.raises(Exception, match="the chat template cannot be used"):
        list(broken.answer("Ana"))


def test_the_server_writes_what_generate_writes(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    from rotrain.serving import serve

    body = json.dumps({"prompt": "Ana are", "n_predict": 8, "temperature": 0}).encode()
    stranger = {"Origin": "http://evil.example"}

    def ask(path: str, content: bytes | None = body, **headers: str) -> tuple[int, Any, bytes]:
        request = urllib.request.Request(served.address + path, content, headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    with serve(run, port=0) as served:
        assert served.address.startswith("http://127.0.0.1:") and served.page.endswith(f"/#{served.key}")
        status, headers, page = ask("/", None, **stranger)
        assert status == 200 and b"Continue a text" in page and served.key.encode() not in page
        assert not headers.get("Access-Control-Allow-Origin"), "no other origin may read an answer"
        # Any page may send such a request, and a name of its own may lead to 127.0.0.1: only the key tells it apart.
        for headers in (stranger, stranger | {"Host": "evil.example"}, {"Authorization": "Bearer no"}):
            for path, content in (("/completion", body), ("/v1/completions", body), ("/slots", None)):
                assert ask(path, content, **{"Content-Type": "text/plain"}, **headers)[0] == 401
        key = {"Authorization": f"Bearer {served.key}"}
        assert ask("/slots", None, **key)[0] == 501
        status, _, found = ask("/completion", **key)
    assert status == 200
    assert json.loads(found)["content"] == generate(run, "Ana are", max_tokens=8, temperature=0).text
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(served.address + "/health", timeout=5)
    shutil.copy(run / "tokenizer.json", tmp_path / "bad.gguf")
    done = rotrain("serve", tmp_path / "bad.gguf", "--port", 0)
    assert done.returncode == 1 and "the header is damaged" in done.stderr


def test_the_page_names_the_languages_of_its_words() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert '<html lang="en">' in page and '<textarea id="text" lang="ro"' in page
