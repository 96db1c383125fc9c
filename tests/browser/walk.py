"""One walk through the app, from a team's first page to a revoked link: docs/tour.md tells it, a test repeats it.

Everything is reached as a person reaches it, by what stands on the page: links, labels and buttons.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

from tests.browser.chromium import Visitor

TEAM, PASSWORD = "Vision", "correct horse battery"
OWNER, MEMBER, VIEWER = ("Olga", "olga@example.org"), ("Mika", "mika@example.org"), ("Vera", "vera@example.org")
REGIME, SPACE, CHILD, TITLE = "Digits on CPU", "AnyNetX-A", "AnyNetX-A-narrow", "Does the suggestion hold?"
TAG = "first study"
INSIGHT = "The widest space: every stage has laws of its own."
NOTES = """\
The samples of **AnyNetX-A** suggested a restriction: *{restriction}*. The child has it, and got a fresh batch.

| question | where to look |
|---|---|
| Is the whole population better? | the error EDF |
| By how much? | the differences of the means |

A larger batch would narrow the band.
"""
PHONE = 390
TRAINED_WITHIN = 240_000.0  # ms; a batch on two busy cores
# Addresses of a team's things, which a link to one page must not open.
ELSEWHERE = ("/", "/spaces/", "/results/", "/results/1/", "/batches/1/", "/analyses/", "/team/", "/team/log/")

Picture = Callable[[str, Visitor, "Locator | None"], None]


@dataclass
class Walk:
    """The steps in order; each says who does it, and fails where that person would be lost.

    Parameters
    ----------
    window : callable
        Opens a window for a width in pixels, signed out.
    picture : callable
        Takes a name, the window, and the part of its page that matters; None means the top of the page.
    size : int
        Designs a batch.
    epochs : int, optional
        Instead of those of the preset regime.
    """

    window: Callable[[int], Visitor]
    picture: Picture
    size: int
    epochs: int | None = None
    restriction: str = ""
    result_path: str = ""
    link: str = ""

    def run(self) -> None:
        self.owner, self.member = self.window(1280), self.window(1280)
        self.viewer, self.visitor = self.window(PHONE), self.window(1280)
        self.owner_starts_the_team()
        self.owner_invites(*MEMBER, "member", self.member)
        self.owner_invites(*VIEWER, "viewer", self.viewer)
        self.member_defines_a_regime()
        self.member_defines_a_space()
        self.member_queues_a_batch(SPACE, "training")
        self.member_reads_the_analysis()
        self.member_refines_with_a_suggestion()
        self.member_queues_a_batch(CHILD, None)
        self.member_compares()
        self.member_saves_and_freezes()
        self.member_shares()
        self.member_tags_and_finds()
        self.member_archives()
        self.viewer_reads_and_cannot_edit()
        self.visitor_sees_exactly_that_page()
        self.owner_revokes_the_link_and_reads_the_log()

    def owner_starts_the_team(self) -> None:
        page = self.owner.go("/")
        fill(page, "E-mail address", OWNER[1])
        fill(page, "Password", PASSWORD)
        press(page, "Sign in")
        fill(page, "Name of the team", TEAM)
        press(page, "Start the team")
        expect(page.get_by_role("heading", level=1)).to_have_text(TEAM)
        self.picture("home", self.owner, None)

    def owner_invites(self, name: str, email: str, role: str, invited: Visitor) -> None:
        page = self.owner.go("/team/")
        form = page.locator("form[action='/team/invite/']")
        form.get_by_label("Role").select_option(role)
        form.get_by_label("For whom").fill(name)
        press(page, "Make a link")
        link = page.get_by_label("The link that lets").input_value()
        if role == "member":
            self.picture("invitation", self.owner, None)
        theirs = invited.go(link.removeprefix(invited.address))
        fill(theirs, "Your name", name)
        fill(theirs, "E-mail address", email)
        fill(theirs, "Password", PASSWORD)
        press(theirs, "Create the account and join")
        expect(theirs.get_by_role("status")).to_contain_text(f"You are in {TEAM} now, as {role}.")

    def member_defines_a_regime(self) -> None:
        page = self.member.go("/regimes/")
        follow(page, f"Start from {REGIME}")
        if self.epochs:
            page.get_by_label("Epochs", exact=True).fill(str(self.epochs))
        press(page, "Save regime")
        expect(page.get_by_role("heading", level=1)).to_have_text(REGIME)
        self.picture("regime", self.member, None)

    def member_defines_a_space(self) -> None:
        page = self.member.go("/spaces/")
        follow(page, "Define a space")
        page.get_by_text("Start from a preset").click()
        follow(page, "AnyNetX-A-small")
        self.name_the_space(SPACE, INSIGHT)
        preview = page.get_by_role("region", name="Live preview")
        expect(preview).to_contain_text("In the window")
        self.picture("space", self.member, None)
        press(page, "Save space")
        expect(page.get_by_role("heading", level=1)).to_contain_text(SPACE)

    def name_the_space(self, name: str, insight: str) -> None:
        """Type both, and wait for the preview that follows what is typed."""
        page = self.member.page
        with page.expect_response("**/spaces/preview/"):
            fill(page, "Name", name)
            fill(page, "Insight", insight)
        self.member.settle()

    def member_queues_a_batch(self, space: str, name: str | None) -> None:
        page = self.member.go("/spaces/")
        follow(page, space)
        follow(page, "Queue a batch")
        fill(page, "Size", str(self.size))
        fill(page, "Seed", "1" if space == SPACE else "2")
        press(page, "Queue the batch")
        expect(page.get_by_role("status").first).to_contain_text(f"Queued: {self.size} designs of {space}")
        live = page.locator("#live")
        if name:
            # Enough for a first curve, which comes with the samples of the finished prefix.
            expect(live).to_contain_text(re.compile(rf"Ended\s*([{min(3, self.size)}-9]|\d\d)"), timeout=TRAINED_WITHIN)
            page.reload()
            self.member.settle()
            self.picture(name, self.member, None)
        expect(live.locator("dl")).to_contain_text(re.compile(r"State\s*done"), timeout=TRAINED_WITHIN)
        expect(live).to_contain_text(re.compile(rf"Ended\s*{self.size}\s+of {self.size}"))

    def member_reads_the_analysis(self) -> None:
        page = self.member.go("/spaces/")
        follow(page, SPACE)
        follow(page, "See the error EDF")
        self.member.whole()
        expect(page.get_by_role("heading", level=1)).to_contain_text(SPACE)
        expect(main(page)).to_contain_text(f"{self.size} used, 0 failed, 0 pending")
        self.picture("edf", self.member, None)
        self.picture("parameters", self.member, page.locator("#parameters"))
        self.picture("next", self.member, page.locator("#next"))

    def member_refines_with_a_suggestion(self) -> None:
        page = self.member.page
        first = page.get_by_role("region", name="Suggested refinements").get_by_role("row").nth(1)
        self.restriction = first.get_by_role("rowheader").inner_text().strip()
        with page.expect_navigation():
            first.get_by_role("link", name="Refine with this").click()
        self.member.settle()
        expect(page.get_by_role("region", name="Live preview")).to_contain_text("yes, proven")
        self.name_the_space(CHILD, f"The samples of {SPACE} suggest {self.restriction}.")
        self.picture("refine", self.member, None)
        press(page, "Save space")
        expect(page.get_by_role("region", name="Lineage")).to_contain_text(SPACE)
        self.picture("lineage", self.member, page.locator("#lineage"))

    def member_compares(self) -> None:
        page = self.member.go("/spaces/")
        follow(page, "Compare these 2 populations")
        self.member.settle()
        expect(page.get_by_role("heading", level=1)).to_contain_text(CHILD)
        expect(main(page)).to_contain_text(f"{CHILD}: {self.size} used, 0 failed, 0 pending")
        self.picture("compare", self.member, None)

    def member_saves_and_freezes(self) -> None:
        page = self.member.page
        follow(page, "Save")
        fill(page, "Title", TITLE)
        fill(page, "Notes", NOTES.format(restriction=self.restriction))
        press(page, "Save")
        self.member.settle()
        self.result_path = page.url.removeprefix(self.member.address)
        press(page, "Freeze")
        self.member.settle()
        expect(main(page)).to_contain_text("frozen on")
        expect(page.get_by_role("region", name="Notes").get_by_role("table")).to_contain_text("the error EDF")
        self.picture("result", self.member, page.locator("#notes"))

    def member_shares(self) -> None:
        page = self.member.page
        follow(page, "Share")
        press(page, "Make a link")
        self.link = page.get_by_label("The link, which works until").input_value().removeprefix(self.member.address)
        self.picture("share", self.member, None)

    def member_tags_and_finds(self) -> None:
        page = self.member.go(self.result_path)
        page.get_by_text("Add a tag").click()
        fill(page, "A short word, in small letters", TAG)
        press(page, "Add the tag")
        self.member.settle()
        expect(main(page).get_by_role("link", name=TAG)).to_be_visible()
        page.keyboard.press("Control+k")
        page.keyboard.type(TAG)
        expect(page.locator("#finder").get_by_role("link", name=TITLE)).to_be_visible()
        self.picture("found", self.member, None)

    def member_archives(self) -> None:
        page = self.member.go("/batches/")
        follow(page, CHILD)
        press(page, "Archive")
        expect(page.get_by_role("status").first).to_contain_text("Archived")
        page = self.member.go("/batches/")
        expect(main(page).get_by_role("link", name=SPACE, exact=True)).to_have_count(1)
        expect(main(page).get_by_role("link", name=CHILD, exact=True)).to_have_count(0)
        page = self.member.go("/regimes/")
        follow(page, REGIME)
        expect(main(page)).to_contain_text(re.compile(rf"median of {2 * self.size}\s+runs"))
        self.picture("cost", self.member, None)

    def viewer_reads_and_cannot_edit(self) -> None:
        page = self.viewer.go("/results/")
        self.picture("reading", self.viewer, None)
        follow(page, TITLE)
        self.viewer.settle()
        expect(page.get_by_role("region", name="Notes")).to_contain_text("got a fresh batch")
        for verb in ("Edit", "Freeze", "Make live", "Share", "Delete"):
            expect(main(page).get_by_text(verb, exact=True)).to_have_count(0)
        page = self.viewer.go(f"{self.result_path}edit/")
        expect(page.get_by_role("heading", level=1)).to_have_text("Not allowed")

    def visitor_sees_exactly_that_page(self) -> None:
        self.visitor.go(self.link)
        page = self.visitor.whole()
        expect(main(page)).to_contain_text(TITLE)
        expect(page.get_by_role("region", name="Notes")).to_contain_text("got a fresh batch")
        expect(page.locator("form")).to_have_count(0)
        leads = page.evaluate("[...document.querySelectorAll('main a, header a')].map(a => a.getAttribute('href'))")
        assert [path for path in leads if not path.startswith((self.link, "#"))] == [], "the page and its files only"
        self.picture("shared", self.visitor, None)
        for path in ELSEWHERE:
            expect(self.visitor.go(path).get_by_role("heading", level=1)).to_have_text("Sign in")
        for path in (self.link[:-2] + "/", f"{self.link}edit/"):
            expect(self.visitor.go(path).get_by_role("heading", level=1)).to_have_text("Nothing here")

    def owner_revokes_the_link_and_reads_the_log(self) -> None:
        page = self.owner.go("/results/")
        follow(page, TITLE)
        follow(page, "Share")
        main(page).get_by_role("button", name="Revoke").click()
        expect(main(page)).to_contain_text("shows nothing any more")
        gone = self.visitor.go(self.link)
        expect(gone.get_by_role("heading", level=1)).to_have_text("Nothing here")
        page = self.owner.go("/team/")
        follow(page, "Who did what")
        expect(page.get_by_role("region", name="Events").get_by_role("row").nth(1)).to_contain_text(OWNER[0])
        self.picture("log", self.owner, None)


def main(page: Page) -> Locator:
    return page.get_by_role("main")


def fill(page: Page, label: str, text: str) -> None:
    main(page).get_by_label(label, exact=True).fill(text)


def press(page: Page, name: str) -> None:
    with page.expect_navigation():
        main(page).get_by_role("button", name=name, exact=True).click()


def follow(page: Page, name: str) -> None:
    """Follow a link of the page's own part by its words or its label."""
    with page.expect_navigation():
        main(page).get_by_role("link", name=name, exact=True).first.click()
