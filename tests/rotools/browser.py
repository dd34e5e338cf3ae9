"""A headless Chromium that is driven through a pipe (`--remote-debugging-pipe`, Chrome DevTools Protocol): real keys, real
dialogs, no library. Messages are JSON and end in a zero byte; the browser reads file 3 and writes file 4.
"""

import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

PROGRAM = shutil.which("chromium") or shutil.which("google-chrome")


class Browser:
    """One page. Use it in a `with` statement."""

    def __init__(self, profile: Path) -> None:
        commands, self._to = os.pipe()
        self._from, answers = os.pipe()

        def ends() -> None:
            # First out of the way: one of them may be 3 or 4 already.
            a, b = os.dup(commands), os.dup(answers)
            os.dup2(a, 3)
            os.dup2(b, 4)

        command = [
            str(PROGRAM), "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
            "--window-size=1300,900", f"--user-data-dir={profile}", "about:blank",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            command, preexec_fn=ends, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(commands)
        os.close(answers)
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self.answer: str | None = None
        """What the next dialog is answered with; nothing cancels it."""
        self.dialogs: list[str] = []
        """What dialogs said."""
        self.errors: list[str] = []
        """What went wrong in the page."""
        [target] = [t for t in self.ask("Target.getTargets")["targetInfos"] if t["type"] == "page"]
        self._session = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)[
            "sessionId"
        ]
        self.ask("Page.enable")
        self.ask("Runtime.enable")

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._to)
        os.close(self._from)

    def _send(self, method: str, values: dict[str, Any]) -> int:
        self._number += 1
        message = {"id": self._number, "method": method, "params": values}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        return self._number

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            if not select.select([self._from], [], [], 120)[0]:
                raise TimeoutError("the browser says nothing")
            data = os.read(self._from, 1 << 20)
            if not data:
                raise EOFError("the browser has ended")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        match message.get("method"):
            case "Page.javascriptDialogOpening":
                self.dialogs.append(message["params"]["message"])
                said, self.answer = self.answer, None
                self._send(
                    "Page.handleJavaScriptDialog", {"accept": said is not None, "promptText": said or ""}
                )
            case "Runtime.exceptionThrown":
                self.errors.append(json.dumps(message["params"]["exceptionDetails"]))
        return message

    def ask(self, method: str, **values: Any) -> dict[str, Any]:
        """Calls a method of the protocol."""
        number = self._send(method, values)
        while True:
            message = self._next()
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                result: dict[str, Any] = message["result"]
                return result

    def run(self, script: str) -> Any:
        """The value of an expression in the page; of a promise, what it becomes."""
        done = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in done:
            raise RuntimeError(json.dumps(done["exceptionDetails"]))
        return done["result"].get("value")

    def until(self, script: str) -> Any:
        """Waits for an expression to be true. While a page comes and goes there is nothing to ask."""
        end = time.monotonic() + 60
        while True:
            try:
                if value := self.run(script):
                    return value
                found = "it is not so"
            except RuntimeError as error:
                found = str(error)
            if time.monotonic() > end:
                raise TimeoutError(f"{script}: {found}")
            time.sleep(0.05)

    def open(self, url: str) -> None:
        """Goes to a page and waits until it is there, also when it is the one that is shown."""
        self.run("window.left = true")
        self.ask("Page.navigate", url=url)
        self.until("!window.left && document.readyState === 'complete'")

    def press(self, key: str, answer: str | None = None) -> None:
        """A key, down and up. `answer` goes to the dialog that it opens."""
        self.answer = answer
        self.ask("Input.dispatchKeyEvent", type="keyDown", key=key, text=key)
        self.ask("Input.dispatchKeyEvent", type="keyUp", key=key)
