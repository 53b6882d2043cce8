"""What a person may enter, and what has been entered: through the same journalled functions as the workbook and the command line."""

from __future__ import annotations

import json
from collections.abc import Callable

import panel as pn
import panel_material_ui as pmui

from cdmlib import readiness, workbook
from cdmlib.board import Reader, View
from cdmlib.errors import CdmError
from cdmlib.journal import Entry

from . import parts

FINDING = "SELECT finding_id, check_id, title, severity, status, siteid, subjid, visit, form, message, evidence, evidence_before, because, first_seen, query_id, query_status FROM findings WHERE finding_id = $id"
SHORT = {"size": "small", "sizing_mode": "stretch_width", "margin": (4, 8)}
FIELDS = {"status": "Review", "owner": "Owner", "expires": "Waived until (YYYY-MM-DD)", "comment": "Comment"}


def finding(view: View, finding_id: str) -> pn.viewable.Viewable:
    """One finding whole: the values it was made on, what people entered, and the form to enter more."""
    reader = view.reader
    row = reader.rows(FINDING, {"id": finding_id}).iloc[0].to_dict()
    now, was = _values(row["evidence"]), _values(row["evidence_before"])
    hidden = row["message"] is None or row["message"] != row["message"]
    values = {name: f"{was[name]} → {value}" if name in was and was[name] != value else value for name, value in now.items()}
    told = {
        "Check": f"{row['check_id']} {row['title']}", "Severity": row["severity"], "Status": row["status"], "Since": row["first_seen"],
        "Query": " ".join(str(part) for part in (row["query_id"], row["query_status"]) if part == part and part), "Because": row["because"],
    }  # fmt: skip
    link = view.link("subjects", subject=str(row["subjid"])) if row["subjid"] and row["subjid"] == row["subjid"] else ""
    where = " / ".join(str(row[part]) for part in ("siteid", "subjid", "visit", "form") if row[part] and row[part] == row[part])
    entered = pn.Column(margin=0, sizing_mode="stretch_width")
    _show_entered(entered, view, finding_id)
    return pn.Column(
        parts.heading(where, "" if hidden else row["message"]),
        parts.side_by_side(
            pn.Column(parts.facts(told), *([parts.markup(f'<a href="{parts.text(link)}">Subject {parts.text(row["subjid"])}: everything about it</a>')] if link else []), sizing_mode="stretch_width"),
            pn.Column(parts.heading("Values"), parts.state("hidden", "These values may tell the treatment.") if hidden else parts.facts(values), sizing_mode="stretch_width"),
            pn.Column(parts.heading("Review"), entered, _hidden() if hidden else _form(view, finding_id, entered), sizing_mode="stretch_width"),
        ),
        sizing_mode="stretch_width",
    )


def _hidden() -> pn.viewable.Viewable:
    return parts.markup('<p class="quiet">Nothing can be entered: somebody who may know the treatment must review it.</p>')


def _values(evidence: object) -> dict:
    try:
        found = json.loads(evidence) if isinstance(evidence, str) else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _show_entered(place: pn.Column, view: View, finding_id: str) -> None:
    entries = view.reader.reviews(finding_id)
    told = {FIELDS[field]: _said(entry) for field, entry in entries.items()}
    place.objects = [parts.facts(told) if told else parts.markup('<p class="quiet">Nobody has reviewed it yet.</p>')]


def _form(view: View, finding_id: str, entered: pn.Column) -> pn.viewable.Viewable:
    reader = view.reader
    if said := refused(reader, "review", "review findings"):
        return said
    was = {field: entry.new for field, entry in reader.reviews(finding_id).items()}
    fields = {
        "status": pmui.Select(label=FIELDS["status"], options={"(not reviewed)": ""} | {s: s for s in workbook.STATUSES}, value=was.get("status", ""), **SHORT),
        "owner": pmui.TextInput(label=FIELDS["owner"], value=was.get("owner", ""), **SHORT),
        "expires": pmui.TextInput(label=FIELDS["expires"], value=was.get("expires", ""), **SHORT),
        "comment": pmui.TextAreaInput(label=FIELDS["comment"], value=was.get("comment", ""), rows=2, **SHORT),
    }

    def enter() -> str:
        given = {field: widget.value or "" for field, widget in fields.items()}
        reader.review(finding_id, was, given)
        was.update(given)
        _show_entered(entered, view, finding_id)
        return "It is kept in the journal; the lists show it with the next run."

    return pn.Column(*fields.values(), button("Enter the review", enter), sizing_mode="stretch_width")


def comment(view: View, query_id: str, done: Callable[[], None]) -> pn.viewable.Viewable:
    """What people here say about an EDC query, and the form to say more; `done` is told when something was entered."""
    reader = view.reader
    entered = pn.Column(margin=0, sizing_mode="stretch_width")

    def show() -> str:
        entry = reader.comments().get(query_id)
        entered.objects = [parts.facts({"Comment": _said(entry)}) if entry else parts.markup('<p class="quiet">Nobody has commented on it. The EDC is not told of comments.</p>')]
        return entry.new if entry else ""

    was = [show()]
    if said := refused(reader, "query.comment", "comment on queries"):
        return pn.Column(entered, said, sizing_mode="stretch_width")
    told = pmui.TextAreaInput(label=FIELDS["comment"], value=was[0], rows=2, **SHORT)

    def enter() -> str:
        reader.comment(query_id, was[0], told.value or "")
        was[0] = show()
        done()
        return "It is kept in the journal, and the list shows it now."

    return pn.Column(entered, told, button("Enter the comment", enter), sizing_mode="stretch_width")


def waiver(view: View, what: str, named: str, done: Callable[[], None] = lambda: None) -> pn.viewable.Viewable:
    """The waiver of a line of the checklist (`line 8`) or of a criterion for a subject (`RD05 DE01-001`), and the form to waive it until a date."""
    reader = view.reader
    entered = pn.Column(margin=0, sizing_mode="stretch_width")

    def show() -> None:
        entry = reader.waiver(what)
        told = {"Waived until" if entry.new >= reader.as_of else "Was waived until": _said(entry), "Why": entry.reason} if entry else {}
        entered.objects = [parts.facts(told)] if told else []

    show()
    if said := closed(view) or refused(reader, "waive", "waive anything"):
        return pn.Column(entered, said, sizing_mode="stretch_width")
    until = pmui.TextInput(label="Waive until (YYYY-MM-DD)", size="small", width=200, margin=(4, 8))
    reason = pmui.TextInput(label="Reason for the waiver", **SHORT)

    def enter() -> str:
        reader.waive(what, (until.value or "").strip(), reason.value or "")
        show()
        done()
        return "It is kept in the journal. The checklist counts it now, the subjects' readiness with the next run."

    return pn.Column(entered, pn.Row(until, reason), button(f"Waive {named}", enter), sizing_mode="stretch_width")


def attestation(view: View, line: int, done: Callable[[], None]) -> pn.viewable.Viewable:
    """The form to attest a line of the checklist; `done` is told when it was attested."""
    reader = view.reader
    if said := closed(view) or refused(reader, "attest", "attest anything"):
        return said
    roles = readiness.lines()[line - 1].roles
    if reader.role not in roles:
        return parts.markup(f'<p class="quiet">Line {line} is attested by a {parts.text(" or ".join(roles))}; your role is {parts.text(reader.role)}.</p>')
    made = pmui.TextInput(label="What you attest, in words", **SHORT)

    def enter() -> str:
        reader.attest(line, made.value or "")
        done()
        return "It is kept in the journal, and the checklist counts it now."

    return pn.Column(made, button(f"Attest line {line}", enter), sizing_mode="stretch_width")


def closed(view: View) -> pn.viewable.Viewable | None:
    """In words that nothing is entered on results of an earlier date; nothing on the newest ones."""
    return parts.markup('<p class="quiet">This is entered on the newest results: set the cut-off date to newest.</p>') if view.cutoff else None


def refused(reader: Reader, act: str, what: str) -> pn.viewable.Viewable | None:
    """In words why this person may not do an act; nothing when they may. The data layer refuses it whatever is shown."""
    if reader.may(act):
        return None
    why = f"your role ({reader.role}) does not {what}" if reader.visitor.signed_in else f"only a person who has signed in may {what}"
    return parts.markup(f'<p class="quiet">Nothing can be entered: {parts.text(why)}.</p>')


def button(label: str, enter: Callable[[], str]) -> pn.viewable.Viewable:
    """A button that enters something; under it what became of that, also when it was refused."""
    pressed, said = pmui.Button(label=label, size="small", margin=(4, 8)), pn.Column(margin=0, sizing_mode="stretch_width")

    def entered(_: object) -> None:
        try:
            said.objects = [parts.state("entered", enter())]
        except CdmError as error:
            said.objects = [parts.state("not entered", str(error))]

    pressed.on_click(entered)
    return pn.Column(pressed, said, sizing_mode="stretch_width", margin=0)


def _said(entry: Entry) -> str:
    return f"{entry.new or '(taken away)'} — {entry.actor} ({entry.role}), {entry.utc[:16].replace('T', ' ')} UTC"
