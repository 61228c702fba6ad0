"""The page of the web documents in a real Chromium, through the real DMZ Envoy."""

import asyncio
import os
import shutil
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright, expect

from mesh.workers import Turn
from server_es.web_documents.worker import CodeSender
from tests.builders.dmz_site import DmzSite, dmz_site
from tests.builders.identity import PASSWORD

CHROMIUM = shutil.which("chromium")
SHOTS = Path(os.environ.get("ESMESH_SCREENSHOTS", ""))
pytestmark = [
    pytest.mark.envoy,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium: deploy/test-servers installs it as root"),
]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[DmzSite]:
    async with dmz_site(tmp_path) as made:
        pdf(made.gate.system / "Pläne" / "Schaltplan Übersicht.pdf")
        png(made.gate.system / "Pläne" / "Foto.png")
        made.gate.publish_call()
        yield made


@pytest.fixture
async def page(site: DmzSite) -> AsyncIterator[Page]:
    """A phone; whatever the browser complains about fails the test."""
    complaints: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--headless=new", "--lang=de"]
        )
        context = await browser.new_context(
            ignore_https_errors=True, locale="de-DE", viewport={"width": 390, "height": 844}, device_scale_factor=2
        )
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
        await page.goto(site.url)
        yield page
        await browser.close()
    assert complaints == []


async def shot(page: Page, name: str) -> None:
    if SHOTS.name:
        await page.wait_for_timeout(400)
        await page.screenshot(path=SHOTS / f"{name}.png")


async def test_a_technician_finds_a_plan_and_looks_at_it(site: DmzSite, page: Page) -> None:
    await shot(page, "1-entrance")
    await page.get_by_label("Benutzer").fill("tom")
    await page.get_by_label("Kennwort").fill("wrong")
    await page.get_by_role("button", name="Anmelden").click()
    await expect(page.get_by_role("alert")).to_contain_text("Bitte prüfen Sie Ihre Angaben")
    await page.get_by_label("Kennwort").fill(PASSWORD)
    await page.get_by_role("button", name="Anmelden").click()
    await page.get_by_role("button", name="Anlage A-1").click()
    await expect(page.get_by_text("Kalkulation")).to_be_visible()
    await expect(page.get_by_text("Pumpe steht")).to_be_visible()
    await shot(page, "2-system")
    await page.get_by_role("button", name="Pläne", exact=True).click()
    await expect(page.get_by_text("Schaltplan Übersicht.pdf")).to_be_visible()
    await shot(page, "3-files")
    await page.get_by_role("button", name="Ansehen").nth(0).click()
    await expect(page.get_by_role("img")).to_be_visible()
    assert await page.get_by_role("img").evaluate("image => image.naturalWidth") == 64
    await shot(page, "4-picture")
    await page.get_by_role("button", name="Zurück").click()
    async with page.expect_response(lambda answer: answer.url.endswith(".pdf?inline")) as shown:
        await page.get_by_role("button", name="Ansehen").nth(1).click()
    headers = await (await shown.value).all_headers()
    assert headers["content-type"] == "application/pdf"
    assert headers["content-disposition"].startswith("inline;")
    await page.wait_for_timeout(1500)
    await shot(page, "5-pdf")
    await page.get_by_role("button", name="Zurück").click()
    async with page.expect_download() as coming:
        await page.get_by_role("link", name="Herunterladen").nth(1).click()
    download = await coming.value
    assert download.suggested_filename == "Schaltplan Übersicht.pdf"
    saved = await download.path()
    assert (await asyncio.to_thread(saved.read_bytes)).startswith(b"%PDF")
    await page.get_by_role("button", name="Abmelden").click()
    await expect(page.get_by_role("button", name="Code anfordern")).to_be_visible()
    assert await page.context.cookies() == []


async def test_a_customer_enters_the_code_and_sees_no_staff_s_folder(site: DmzSite, page: Page) -> None:
    await page.get_by_role("button", name="English").click()
    await page.get_by_label("System number").fill("A-1")
    await page.get_by_label("Your e-mail address").fill("kunde@example.de")
    await page.get_by_role("button", name="Send me a code").click()
    await expect(page.get_by_role("alert")).to_contain_text("valid for 15 minutes")
    await shot(page, "6-code")
    mails: list[tuple[str, ...]] = []
    sender = CodeSender(site.gate.database, lambda *mail: mails.append(mail))
    await asyncio.to_thread(sender.send, Turn(threading.Event()))
    await page.get_by_label("Access code").fill(mails[0][3].lower())
    await page.get_by_role("button", name="Open").click()
    await page.get_by_role("button", name="Anlage A-1").click()
    await expect(page.get_by_text("Electrical plans")).to_be_visible()
    assert await page.get_by_text("Costing").count() == 0
    await shot(page, "7-customer")
    cookies: Any = await page.context.cookies()
    assert [(one["name"], one["httpOnly"], one["secure"], one["sameSite"]) for one in cookies] == [
        ("__Host-ticket", True, True, "Strict")
    ]
    await site.gate.tickets.revoke(site.gate.valid_tickets)
    await page.get_by_role("button", name="Plans", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("Your session has ended")


async def test_it_fits_a_desk_and_the_dark(site: DmzSite, page: Page) -> None:
    await page.emulate_media(color_scheme="dark")
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.reload()
    await expect(page.get_by_role("button", name="Code anfordern")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    await shot(page, "8-desk")


def pdf(path: Path) -> None:
    """Write a page that a viewer shows."""
    text = b"BT /F1 24 Tf 60 760 Td (Schaltplan A-1) Tj ET 60 600 m 500 600 l S"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(text), text),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, one in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj%s endobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"xref\n0 6\n0000000000 65535 f \n%strailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (
        table,
        len(out),
    )
    path.write_bytes(out)


def png(path: Path) -> None:
    """Write a picture, 64 by 64."""
    import struct
    import zlib

    rows = b"".join(b"\0" + bytes(channel for x in range(64) for channel in (x * 4, y * 4, 160)) for y in range(64))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
