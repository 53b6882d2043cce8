"""What a person may enter on a finding, and what has been entered: through the same journalled functions as the workbook."""

from __future__ import annotations

import json

import panel as pn
import panel_material_ui as pmui

from cdmlib import workbook
from cdmlib.board import View
from cdmlib.errors import CdmError

from . import parts

FINDING = "SELECT finding_id, check_id, title, severity, status, siteid, subjid, visit, form, message, evidence, evidence_before, because, first_seen, query_id, query_status FROM findings WHERE finding_id = $id"
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
    where = " / ".join(str(row[part]) for part in ("siteid", "subjid", "visit", "form") if row[part] and row[part] == row[part])
    entered = pn.Column(margin=0, sizing_mode="stretch_width")
    _show_entered(entered, view, finding_id)
    return pn.Column(
        parts.heading(where, "" if hidden else row["message"]),
        parts.side_by_side(
            pn.Column(parts.facts(told), sizing_mode="stretch_width"),
            pn.Column(parts.heading("Values"), parts.state("hidden", "These values may tell the treatment.") if hidden else parts.facts(values), sizing_mode="stretch_width"),
            pn.Column(parts.heading("Review"), entered, _form(view, finding_id, entered), sizing_mode="stretch_width"),
        ),
        sizing_mode="stretch_width",
    )


def _values(evidence: object) -> dict:
    try:
        found = json.loads(evidence) if isinstance(evidence, str) else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _show_entered(place: pn.Column, view: View, finding_id: str) -> None:
    entries = view.reader.reviews(finding_id)
    told = {FIELDS[field]: f"{entry.new or '(taken away)'} — {entry.actor} ({entry.role}), {entry.utc[:16].replace('T', ' ')} UTC" for field, entry in entries.items()}
    place.objects = [parts.facts(told) if told else parts.markup('<p class="quiet">Nobody has reviewed it yet.</p>')]


def _form(view: View, finding_id: str, entered: pn.Column) -> pn.viewable.Viewable:
    reader = view.reader
    if not reader.may("review"):
        why = f"your role ({reader.role}) does not review findings" if reader.visitor.signed_in else "only a person who has signed in may review"
        return parts.markup(f'<p class="quiet">Nothing can be entered: {parts.text(why)}.</p>')
    was = {field: entry.new for field, entry in reader.reviews(finding_id).items()}
    short = {"size": "small", "sizing_mode": "stretch_width", "margin": (4, 8)}
    fields = {
        "status": pmui.Select(label=FIELDS["status"], options={"(not reviewed)": ""} | {s: s for s in workbook.STATUSES}, value=was.get("status", ""), **short),
        "owner": pmui.TextInput(label=FIELDS["owner"], value=was.get("owner", ""), **short),
        "expires": pmui.TextInput(label=FIELDS["expires"], value=was.get("expires", ""), **short),
        "comment": pmui.TextAreaInput(label=FIELDS["comment"], value=was.get("comment", ""), rows=2, **short),
    }
    button, said = pmui.Button(label="Enter the review", size="small", margin=(4, 8)), pn.Column(margin=0, sizing_mode="stretch_width")

    def enter(_: object) -> None:
        given = {field: widget.value or "" for field, widget in fields.items()}
        try:
            reader.review(finding_id, was, given)
        except CdmError as error:
            said.objects = [parts.state("not entered", str(error))]
            return
        was.update(given)
        _show_entered(entered, view, finding_id)
        said.objects = [parts.state("entered", "It is kept in the journal; the lists show it with the next run.")]

    button.on_click(enter)
    return pn.Column(*fields.values(), button, said, sizing_mode="stretch_width")
