"""The product without its runner: it stores what is submitted and never works on it.

    python -m benchmarks.submit_only FOLDER

A submit is measured, not the fetches and renders that would follow it.
"""

from __future__ import annotations

import os
import sys

from unstill.product import Product
from unstill.server.lifecycle import Server, listen
from unstill.settings.reader import read_settings


class SubmitOnly(Product):
    async def startup(self) -> None:
        await self._store.open()


def main(folder: str) -> None:
    settings = read_settings(
        file=None, environment=os.environ, command_line={"data_dir": folder, "port": 0}
    )
    listener = listen("127.0.0.1", 0, has_keys=True)
    product = SubmitOnly(settings)
    Server(product.app, product, listener, _say_ready).serve_forever()


def _say_ready(address: str) -> None:
    print(f"ready at {address}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
