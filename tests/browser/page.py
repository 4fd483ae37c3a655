"""What a person sees and does on the page, for tests to say it the same way."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select

T = TypeVar("T")


class Page:
    """The page in a browser. Whatever is looked for is waited for, up to ten seconds."""

    def __init__(self, driver: WebDriver, address: str) -> None:
        self.driver = driver
        self.address = address

    def script(self, code: str, *arguments: Any) -> Any:
        return self.driver.execute_script(code, *arguments)

    # --- going there ------------------------------------------------------------------------------

    def open(self, fragment: str = "#/") -> None:
        """Show what `fragment` names, loaded anew."""
        self.driver.get("about:blank")
        self.driver.get(self.address + fragment)
        self.find(".lists a, .notice")

    def open_relation(self, name: str, tab: str = "read") -> None:
        self.open(f"#/t/{quote(name, safe='')}/{tab}")
        self.find(".tab[aria-current]")

    def forget(self) -> None:
        """Forget the token, the theme and what the browser complained of."""
        if not self.driver.current_url.startswith(self.address):
            self.driver.get(self.address)
        self.script("sessionStorage.clear(); localStorage.clear()")
        self.driver.get_log("browser")  # type: ignore[no-untyped-call]

    def complaints(self) -> list[str]:
        """Return what the browser complained of, but for answers of the API that are no success."""
        entries: list[dict[str, Any]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in entries if "Failed to load resource" not in entry["message"]]

    # --- looking ----------------------------------------------------------------------------------

    def wait(self, look: Callable[[], T | None]) -> T:
        deadline = time.monotonic() + 10
        while True:
            try:
                if found := look():
                    return found
            except (NoSuchElementException, StaleElementReferenceException):
                pass
            if time.monotonic() > deadline:
                raise AssertionError(f"not seen in ten seconds; the page shows:\n{self.text('body')[:2000]}")
            time.sleep(0.03)

    def find(self, selector: str, text: str = "") -> WebElement:
        """Return the first element that `selector` and `text` fit; a text in quotes is all of it."""
        return self.wait(lambda: next(iter(self.all(selector, text)), None))

    def all(self, selector: str, text: str = "") -> list[WebElement]:
        elements = self.driver.find_elements(By.CSS_SELECTOR, selector)
        return [element for element in elements if not text or text in element.text]

    def text(self, selector: str) -> str:
        return self.driver.find_element(By.CSS_SELECTOR, selector).text

    def texts(self, selector: str) -> list[str]:
        return self.wait(lambda: [element.text for element in self.all(selector)])

    def gone(self, selector: str) -> None:
        self.wait(lambda: not self.all(selector))

    @property
    def names(self) -> list[str]:
        """The names in the list at the side."""
        return self.texts(".lists a")

    @property
    def url(self) -> str:
        """The request's target, as the page shows it."""
        return self.text(".url")

    @property
    def command(self) -> str:
        return self.text(".command")

    def group(self, label: str) -> WebElement:
        return self.find(f'.group[aria-label="{label}"]')

    # --- doing ------------------------------------------------------------------------------------

    def click(self, selector: str, text: str = "") -> None:
        def click() -> bool:
            self.find(selector, text).click()
            return True

        self.wait(click)

    def add_filter(self, column: str, operator: str, value: str) -> None:
        """Add a filter; `value` is typed in, or chosen where there is a choice."""
        self.click('[aria-label="Where"] button.quiet')
        line = self.all('[aria-label="Where"] .line')[-1]
        Select(line.find_element(By.CSS_SELECTOR, '[aria-label="Column"]')).select_by_value(column)
        Select(line.find_element(By.CSS_SELECTOR, '[aria-label="Operator"]')).select_by_value(operator)
        control = line.find_element(By.CSS_SELECTOR, '[aria-label="Value"]')
        if control.tag_name == "select":
            Select(control).select_by_value(value)
        else:
            control.send_keys(value)

    def option(self, key: str, value: str) -> None:
        Select(self.find(f'[data-option="{key}"]')).select_by_value(value)

    def fill(self, field: str, value: str) -> None:
        """Type into the form's field of this name, or choose there."""
        control = self.wait(
            lambda: next((each for each in self.all("[data-field]") if each.get_attribute("data-field") == field), None)
        )
        if control.tag_name == "select":
            Select(control).select_by_value(value)
        else:
            control.clear()
            control.send_keys(value)

    def send(self) -> str:
        """Send the request and return the status that is shown."""
        self.script("document.querySelector('.answer')?.remove()")
        self.click('[data-act="send"]')
        return self.find(".answer .status").text

    def rows(self) -> list[list[str]]:
        """The rows of the answer's table."""
        self.find(".answer table, .answer .empty")
        lines = self.all(".answer tbody tr")
        return [[cell.text for cell in line.find_elements(By.TAG_NAME, "td")] for line in lines]

    def columns(self) -> list[str]:
        return self.texts(".answer thead th:not(.acts)")

    def use_token(self, token: str) -> None:
        """Give this token, and wait for the API to be read anew with it."""
        drawn = self.find(".brand")
        self.click('[data-act="token"]')
        area = self.find("#token")
        area.clear()
        area.send_keys(token)
        self.click('[data-act="use-token"]')
        self.gone("dialog")
        self.wait(lambda: _is_stale(drawn))
        self.find(".lists a, .notice")

    def press(self, *keys: str) -> None:
        self.driver.switch_to.active_element.send_keys(*keys)

    def focused(self) -> WebElement:
        return self.driver.switch_to.active_element


def _is_stale(element: WebElement) -> bool:
    try:
        element.is_enabled()
    except StaleElementReferenceException:
        return True
    return False


CONTROL_ENTER = Keys.CONTROL + Keys.ENTER
