"""Take the pictures of this folder from a dashboard that is being served: `python docs/dashboard/pictures.py http://localhost:5006`."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
PICTURES = {  # the page, and the height that shows what it is
    "portfolio": 620, "overview": 1050, "readiness": 1050, "queries": 1050, "subjects": 950, "subjects?subject=DE02-022": 1050, "sites": 1050, "reconciliation": 1050, "runs": 950
}  # fmt: skip
COLOURS = 256  # of a picture: small files, and text as sharp as before; those that few marks have must stay


def main(address: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for page, height in PICTURES.items():
            for theme in ("light", "dark") if page in ("queries", "overview") else ("light",):
                opened = browser.new_page(viewport={"width": 1280, "height": height})
                asked = f"{address}/{page}{'&' if '?' in page else '?'}study=demo" + ("&theme=dark" if theme == "dark" else "")
                opened.goto(asked)
                opened.locator("h1").first.wait_for(timeout=60_000)
                opened.wait_for_timeout(2_000)
                opened.locator(".state", has_text="loading").first.wait_for(state="detached", timeout=60_000)
                opened.wait_for_timeout(4_000)
                name = ("subject" if "subject=" in page else page) + ("_dark" if theme == "dark" else "")
                image = Image.open(io.BytesIO(opened.screenshot())).convert("RGB").quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
                image.save(Path(__file__).with_name(f"{name}.png"), optimize=True)
                opened.close()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
