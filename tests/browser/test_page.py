"""The page as a person uses it: it finds the API, asks it, changes it, and runs nothing that it was told."""

from __future__ import annotations

import json
import shlex
import subprocess

import httpx
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser.conftest import token
from tests.browser.page import CONTROL_ENTER, Page

HOSTILE = "<img src='x' onerror=owned()>"


def document(page: Page) -> httpx.Response:
    return httpx.get(page.address, headers={"Accept": "text/html"})


# --- what there is --------------------------------------------------------------------------------


def test_a_browser_gets_the_page_and_a_program_the_document(page: Page) -> None:
    assert document(page).headers["content-type"].startswith("text/html")
    program = httpx.get(page.address)
    assert program.headers["content-type"].startswith("application/openapi+json")
    assert program.json()["openapi"].startswith("3.1")
    assert "accept" in program.headers["vary"].lower()


def test_the_start_tells_what_there_is(page: Page) -> None:
    page.open()
    assert page.text("h1") == "autorest"
    assert page.text(".hero .prose").startswith("Every table and view")
    assert page.names == [
        HOSTILE,
        "active_projects",
        "clients",
        "projects",
        "todos",
        "add",
        "echo",
        "greet",
        "joined",
        "projects_of",
        "total",
    ]
    assert "Who we work for." not in page.text("main"), "a tile shows the first line of the comment"
    assert "Clients" in page.text("main")
    assert page.driver.title == "autorest"


def test_the_start_has_a_command_to_begin_with(page: Page) -> None:
    page.open()
    command = shlex.split(page.texts(".address code")[1])
    answered = json.loads(subprocess.run([*command, "-s"], capture_output=True, check=True, timeout=20).stdout)
    assert [row["id"] for row in answered] == [1]


def test_everything_comes_from_the_gateway(page: Page) -> None:
    page.open_relation("projects")
    loaded: list[str] = page.script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert len(loaded) > 10
    assert {name for name in loaded if not name.startswith(page.address)} == set()


def test_columns_are_explained(page: Page) -> None:
    page.open_relation("projects", "columns")
    lines = {line.text.split()[0]: line.text for line in page.all(".structure tbody tr")}
    assert "key" in lines["id"] and "bigint" in lines["id"]
    assert "clients.id" in lines["client_id"]
    assert "In Swiss francs." in lines["budget"] and "numeric(12,2)" in lines["budget"]
    assert "low · normal · high" in lines["priority"]
    assert "9007199254740993" in lines["serial"], "with every digit"
    page.click(".structure a", "clients")
    page.find("h1", "clients")


def test_search_finds_by_name_and_slash_goes_there(page: Page) -> None:
    page.open()
    page.press("/")
    assert page.focused().get_attribute("id") == "search"
    page.press("proj")
    assert page.names == ["active_projects", "projects", "projects_of"]
    page.press(Keys.ENTER)
    page.find("h1", "active_projects")


# --- reading --------------------------------------------------------------------------------------


def test_a_table_shows_its_rows_at_once(page: Page) -> None:
    page.open_relation("todos")
    assert page.find(".status").text == "200 OK"
    assert page.columns() == ["id", "title", "completed", "created_at", "updated_at"]
    assert [row[1:3] for row in page.rows()] == [["Write the page", "false"]]


def test_a_query_is_built(page: Page) -> None:
    page.open_relation("projects")
    page.click('[aria-label="Columns"] .chip', "settings")
    page.click('[aria-label="Columns"] .chip.related', "clients")
    page.add_filter("name", "ilike", "*project 1*")
    page.add_filter("active", "is", "true")
    page.click('[aria-label="Order"] button.quiet')
    page.find('[aria-label="Direction"]').send_keys("descending")
    page.option("count", "exact")
    assert page.url == (
        "/projects?select=id,client_id,name,budget,priority,tags,starts,active,serial,clients(*)"
        "&name=ilike.*project%201*&active=is.true&order=id.desc&limit=25"
    )
    assert page.send() == "200 OK"
    assert "rows 1 to 11 of 11" in page.text(".answer-head")
    rows = page.rows()
    assert [row[0] for row in rows] == [str(n) for n in (19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 1)]
    assert '"name":"Client 2"' in rows[0][-1]


def test_the_command_does_what_the_page_does(page: Page) -> None:
    page.open_relation("projects")
    page.add_filter("name", "in", '"Project 1","it\'s"')
    command = shlex.split(page.command.replace("\\\n", " "))
    assert command[0] == "curl"
    answered = json.loads(subprocess.run([*command, "-s"], capture_output=True, check=True, timeout=20).stdout)
    assert [row["name"] for row in answered] == ["Project 1"]
    page.click('[data-act="copy"]')
    page.find(".toast.shown", "Copied")
    page.click(".request .tab", "JavaScript")
    assert page.command.startswith("const response = await fetch(")


def test_paging_goes_on_and_back(page: Page) -> None:
    page.open_relation("projects")
    page.find(".answer")
    page.click(".answer button", "Next")
    page.wait(lambda: "offset=25" in page.url and "26 to 50" in page.text(".answer-head"))
    page.click(".answer button", "Next")
    page.wait(lambda: "51 to 60" in page.text(".answer-head"))
    assert page.all(".answer button", "Next") == []
    page.click(".answer button", "Previous")
    page.wait(lambda: "26 to 50" in page.text(".answer-head"))


def test_the_answer_has_several_views_and_keeps_every_digit(page: Page) -> None:
    page.open_relation("projects")
    page.find(".answer table")
    assert page.rows()[0][-1] == "9007199254740993"
    assert page.rows()[0][3] == "100.50"
    page.click(".answer .tab", "JSON")
    drawn = page.text(".answer .code")
    assert '"serial": 9007199254740993' in drawn and '"budget": 100.50' in drawn
    assert json.loads(drawn)[0]["name"] == "Project 1"
    page.click(".answer .tab", "Headers")
    assert "application/json" in page.text(".answer .headers")


def test_other_formats_can_be_asked_for(page: Page) -> None:
    page.open_relation("clients")
    page.option("format", "text/csv")
    assert page.send() == "200 OK"
    assert page.text(".answer .code").startswith('id,name,email\n1,"Client 1",client1@example.com')
    page.option("format", "application/vnd.pgrst.object+json")
    assert page.send().startswith("406")
    assert "PGRST116" in page.text(".answer .error")


def test_an_error_is_explained(page: Page) -> None:
    page.open_relation("projects")
    page.add_filter("starts", "eq", "no date")
    assert page.send() == "400 Bad Request"
    assert page.text(".error code") == "22007"
    assert "no date" in page.text(".error")


def test_enter_sends_what_only_reads(page: Page) -> None:
    page.open_relation("active_projects")
    assert page.all(".answer") == [], "a view is not asked before one says so"
    page.add_filter("id", "eq", "7")
    page.press(Keys.ENTER)
    page.find(".answer")
    assert page.rows() == [["7", "Project 7"]]


# --- writing --------------------------------------------------------------------------------------


def test_a_row_is_inserted_changed_and_deleted(page: Page) -> None:
    page.open_relation("todos", "insert")
    page.fill("title", 'It\'s <b>bold</b> & "quoted" \\ ü')
    assert json.loads(page.command.split("--data-raw '", 1)[1][:-1].replace("'\\''", "'")) == {
        "title": 'It\'s <b>bold</b> & "quoted" \\ ü'
    }
    assert page.send() == "201 Created"
    assert "1 row\n" in page.find(".answer-head").text + "\n"
    (row,) = page.rows()
    assert row[1:3] == ['It\'s <b>bold</b> & "quoted" \\ ü', "false"]

    page.click('.answer [aria-label="Edit this row"]')
    page.find(".tab[aria-current]", "Update")
    assert page.url == f"/todos?id=eq.{row[0]}"
    page.fill("completed", "true")
    assert page.send() == "200 OK"
    assert page.rows()[0][2] == "true"

    page.open_relation("todos")
    line = page.wait(lambda: next((each for each in page.all(".answer tbody tr") if row[0] in each.text), None))
    line.find_element(By.CSS_SELECTOR, '[aria-label="Delete this row"]').click()
    page.find(".tab[aria-current]", "Delete")
    assert page.url == f"/todos?id=eq.{row[0]}"
    assert page.send() == "200 OK"
    page.open_relation("todos")
    assert row[0] not in [line[0] for line in page.rows()]


def test_every_row_is_changed_only_on_demand(page: Page) -> None:
    page.open_relation("todos", "delete")
    send = page.find('[data-act="send"]')
    assert not send.is_enabled()
    assert "every row" in page.text(".caution")
    page.add_filter("completed", "is", "unknown")
    assert send.is_enabled() and not page.all(".caution")[0].is_displayed()
    page.click('[aria-label="Remove filter"]')
    assert not send.is_enabled()
    page.click(".caution input")
    assert send.is_enabled()


def test_a_change_can_be_limited(page: Page) -> None:
    page.open("#/")
    page.use_token(token())
    page.open_relation("projects", "update")
    page.add_filter("id", "gt", "0")
    page.fill("active", "false")
    page.find('input[placeholder="any number"]').send_keys("5")
    assert "Prefer: return=representation, handling=strict, max-affected=5" in page.command
    assert page.send() == "400 Bad Request"
    assert page.text(".error code") == "PGRST124"


def test_values_of_every_kind_are_sent_as_they_were_typed(page: Page) -> None:
    page.open()
    page.use_token(token())
    page.open_relation("projects", "insert")
    for field, value in {
        "client_id": "2",
        "name": "A form's",
        "budget": "1234567890.10",
        "priority": "high",
        "tags": '["a", "b c"]',
        "settings": '{"deep": {"list": [1, null]}}',
        "starts": "2025-06-01",
        "active": "false",
        "serial": "9223372036854775807",
    }.items():
        page.fill(field, value)
    assert page.send() == "201 Created"
    shown = dict(zip(page.columns(), page.rows()[0], strict=False))
    del shown["id"]
    assert shown == {
        "client_id": "2",
        "name": "A form's",
        "budget": "1234567890.10",
        "priority": "high",
        "tags": '["a","b c"]',
        "settings": '{"deep":{"list":[1,null]}}',
        "starts": "2025-06-01",
        "active": "false",
        "serial": "9223372036854775807",
    }
    page.click(".form .tab", "JSON")
    area = page.find('.form textarea[aria-label="Body"]')
    assert '"name": "A form\'s"' in (area.get_attribute("value") or "")
    area.clear()
    area.send_keys("{")
    assert "no JSON" in page.text(".request .problem")
    assert not page.find('[data-act="send"]').is_enabled()


def test_null_and_nothing_are_different(page: Page) -> None:
    page.open()
    page.use_token(token())
    page.open_relation("clients", "insert")
    page.fill("name", "Nobody")
    assert '{ "name": "Nobody" }' in page.command
    page.click(".field button.mini", "null")
    assert '{ "name": "Nobody", "email": null }' in page.command


# --- functions ------------------------------------------------------------------------------------


def test_a_function_is_called(page: Page) -> None:
    page.open("#/rpc/add")
    assert page.text(".heading .summary") == "Adds two numbers"
    assert not page.find('[data-act="send"]').is_enabled(), "a has no value yet"
    page.fill("a", "41")
    assert page.url == "/rpc/add?a=41"
    assert page.send() == "200 OK"
    assert page.text(".answer .code") == "42"
    page.option("method", "POST")
    assert page.send() == "200 OK"
    assert "--data-raw '{ \"a\": 41 }'" in page.command


def test_a_function_that_returns_rows_can_be_narrowed(page: Page) -> None:
    page.open("#/rpc/projects_of")
    page.fill("client", "1")
    page.add_filter("id", "lt", "10")
    assert page.url == "/rpc/projects_of?client=1&id=lt.10"
    assert page.send() == "200 OK"
    assert [row[0] for row in page.rows()] == ["3", "6", "9"]


def test_lists_are_arguments_too(page: Page) -> None:
    page.open("#/rpc/total")
    page.fill("numbers", "[1, 2, 39]")
    assert page.url == "/rpc/total?numbers=1&numbers=2&numbers=39"
    assert page.send() == "200 OK"
    assert page.text(".answer .code") == "42"
    page.open("#/rpc/joined")
    page.fill("words", '["a b", "c\\"d", null, "NULL", "e"]')
    assert page.send() == "200 OK"
    assert page.text(".answer .code") == '"a b|c\\"d|?|NULL|e"'
    page.option("method", "POST")
    assert page.send() == "200 OK"
    assert page.text(".answer .code") == '"a b|c\\"d|?|NULL|e"'


def test_overloads_and_whole_bodies(page: Page) -> None:
    page.open("#/rpc/greet")
    page.option("form", "named 1")
    page.fill("name", "Anna")
    page.fill("mood", "high")
    assert page.send() == "200 OK"
    assert page.text(".answer .code") == '"Hello Anna, high"'
    page.open("#/rpc/echo")
    page.find('textarea[aria-label="Body"]').send_keys('{"a": [1]}')
    assert page.send() == "200 OK"
    assert json.loads(page.text(".answer .code")) == {"a": [1]}


# --- the token ------------------------------------------------------------------------------------


def test_a_token_shows_what_it_may_use(page: Page) -> None:
    page.open()
    assert "notes" not in page.names and "secret" not in page.names
    page.click('[data-act="token"]')
    page.find("#token").send_keys(f"Bearer {token()}")
    assert "api_user" in page.text("dialog .claims") and "anna" in page.text("dialog .claims")
    page.click('[data-act="use-token"]')
    page.find(".identity.valid", "api_user")
    page.wait(lambda: "notes" in page.names and "secret" in page.names)
    page.open("#/rpc/secret")
    page.wait(lambda: "Authorization: Bearer eyJ" in page.command)
    assert token()[:60] not in page.command, "the middle of the token is not shown"
    assert page.send() == "200 OK"
    assert "for users only" in page.text(".answer")


def test_a_token_makes_a_note_of_its_own(page: Page) -> None:
    page.open()
    page.use_token(token())
    page.open_relation("notes", "insert")
    page.fill("title", "Mine")
    assert page.send() == "201 Created"
    assert "anna" in page.rows()[0]


def test_a_token_is_forgotten(page: Page) -> None:
    page.open()
    page.use_token(token())
    page.wait(lambda: "notes" in page.names)
    page.click('[data-act="token"]')
    page.click("dialog button", "Forget it")
    page.find(".identity.none", "anonymous")
    page.wait(lambda: "notes" not in page.names)


@pytest.mark.parametrize(
    ("bad", "said"),
    [("not.a.token", "PGRST301"), (token(seconds=-3600), "PGRST303"), ("", "anonymous")],
)
def test_a_bad_token_is_explained(page: Page, bad: str, said: str) -> None:
    page.open()
    page.use_token(bad or token())
    if not bad:
        page.use_token("")
        page.find(".identity", said)
        return
    assert said in page.find(".notice").text
    page.click(".notice button", "Change the token")
    page.click("dialog button", "Forget it")
    page.wait(lambda: "todos" in page.names)


def test_what_no_header_can_hold_is_no_token(page: Page) -> None:
    page.open()
    page.click('[data-act="token"]')
    page.find("#token").send_keys("ünïcode")
    page.click('[data-act="use-token"]')
    assert "cannot be a token" in page.text("dialog .problem")
    page.press(Keys.ESCAPE)
    page.gone("dialog")


def test_enter_is_enough_to_use_a_token(page: Page) -> None:
    page.open()
    page.click('[data-act="token"]')
    page.find("#token").send_keys(token(), Keys.ENTER)
    page.gone("dialog")
    page.find(".identity", "api_user")


def test_the_token_stays_in_the_tab(page: Page) -> None:
    page.open()
    page.use_token(token())
    kept: list[int] = page.script("return [sessionStorage.length, localStorage.length, document.cookie.length]")
    assert kept == [1, 0, 0]


# --- names and values that would do harm ----------------------------------------------------------


@pytest.mark.parametrize("tab", ["read", "columns"])
def test_names_and_values_are_only_text(page: Page, tab: str) -> None:
    page.open()
    page.script("window.owned = () => { document.title = 'owned' }")
    page.click(".lists a", HOSTILE)
    page.find("h1", HOSTILE)
    if tab == "columns":
        page.click(".tab", "Columns")
        page.find(".structure")
    else:
        page.find(".answer table")
        assert page.rows()[0] == ["1", HOSTILE, "javascript:owned()", '{{constructor.constructor("owned()")()}}', "p"]
        page.click(".answer .tab", "JSON")
        page.find(".answer .code")
    assert page.text(".heading .summary") == '<script>owned()</script> & "quotes"'
    assert page.all("main img, main svg[onload], main b, main script") == []
    assert "owned" not in page.driver.title.replace(HOSTILE, "")


def test_odd_names_can_be_queried(page: Page) -> None:
    page.open_relation(HOSTILE)
    page.add_filter("a.b,c", "like", "javascript*")
    page.add_filter("select", "is", "not_null")
    page.add_filter("</script><b>bold", "neq", "x")
    page.add_filter("__proto__", "eq", "p")
    page.click('[aria-label="Columns"] .chip', "id")
    assert page.send() == "200 OK"
    assert page.rows()[0][-1] == "p"


@pytest.mark.parametrize(
    "attempt",
    ["innerHTML", "setAttribute", "textContent", "src"],
)
def test_nothing_turns_a_text_into_code(page: Page, attempt: str) -> None:
    page.open()
    refused = page.script(
        """
        const [attempt] = arguments;
        const attempts = {
          innerHTML: () => { document.body.innerHTML = "<img src=x>"; },
          setAttribute: () => { document.body.setAttribute("onclick", "owned()"); },
          textContent: () => { document.createElement("script").textContent = "owned()"; },
          src: () => { document.createElement("script").src = "data:,owned()"; },
        };
        try {
          attempts[attempt]();
          return "nothing was refused";
        } catch (error) {
          return error.name;
        }
        """,
        attempt,
    )
    assert refused == "TypeError"
    page.driver.get_log("browser")  # type: ignore[no-untyped-call]


# --- the page itself ------------------------------------------------------------------------------


def test_light_and_dark(page: Page) -> None:
    def ground() -> str:
        colour: str = page.find("body").value_of_css_property("background-color")
        return colour

    page.open()
    before = ground()
    page.click('[data-act="theme"]')
    page.wait(lambda: ground() != before)
    after = ground()
    page.open()
    assert ground() == after


def test_the_keyboard_is_enough(page: Page) -> None:
    page.open()
    page.press(Keys.TAB)
    assert page.focused().text == "Skip to content"
    page.press(Keys.TAB, Keys.TAB)
    assert page.focused().get_attribute("data-act") == "token"
    page.open_relation("todos", "insert")
    page.find('[data-field="title"]').click()
    page.press("By keyboard")
    page.press(CONTROL_ENTER)
    assert page.find(".answer .status").text == "201 Created"


def test_every_control_has_a_name(page: Page) -> None:
    page.open()
    page.use_token(token())
    for tab in ("read", "insert", "update", "delete", "columns"):
        page.open_relation("projects", tab)
        nameless: list[str] = page.script(
            """
            return [...document.querySelectorAll("button, input, select, textarea, a")]
              .filter((control) => !(control.labels?.length || control.ariaLabel || control.textContent.trim()))
              .map((control) => control.outerHTML);
            """
        )
        assert nameless == [], tab


def test_a_narrow_screen_has_the_list_in_a_drawer(page: Page) -> None:
    size = page.driver.get_window_size()
    try:
        page.driver.set_window_size(420, 900)
        page.open_relation("projects")
        width: list[int] = page.script("return [document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1], "nothing sticks out"
        assert not page.find(".side").is_displayed()
        page.click(".menu")
        page.wait(lambda: page.find(".side").is_displayed())
        page.click(".lists a", "clients")
        page.find("h1", "clients")
        page.wait(lambda: not page.find(".side").is_displayed())
    finally:
        page.driver.set_window_size(size["width"], size["height"])


def test_what_is_not_there_is_said(page: Page) -> None:
    page.open("#/t/nothing/read")
    assert "There is nothing of this name" in page.text("main")
    page.click("main a")
    page.find(".hero")
