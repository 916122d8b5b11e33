"""Compares spreadsheets and a Parquet file of a stack with its CSV and JSON; see scripts/files."""

import csv
import datetime
import io
import json
import os
import pathlib
import subprocess
import sys
import urllib.request
import xml.etree.ElementTree as xml

import duckdb

WORK = pathlib.Path(sys.argv[1])
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
CHART = "{urn:oasis:names:tc:opendocument:xmlns:chart:1.0}"
# Tenants whose ids programs like to take for a number or a date.
ODD = ["00123", "1e5", "2026-01-01", "-5", "TRUE"]
# Columns that are text, whatever is in them. Times are those of CSV that end in Z.
TEXTS = {
    "tenant", "group", "model", "period", "kind", "conference", "host", "identity", "role", "connection", "stay", "pool",
    "end", "code", "outcome",
}

# How truth values are shown.
TRUTHS = {"TRUE": "true", "WAHR": "true", "FALSE": "false", "FALSCH": "false"}


def call(path, accept="application/json", method="GET", body=None):
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(os.environ["SEATMETER_HTTP"] + path, data, {"Accept": accept}, method=method)
    request.add_unredirected_header("Authorization", "Bearer " + os.environ["VENDOR"])
    if body:
        request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request) as answer:
        return answer.read()


def want(what, got, expected):
    if got != expected:
        sys.exit(f"{what}: {got!r}, want {expected!r}")


def opened(locale, files):
    """Has LibreOffice open spreadsheets in a country's settings, and returns what it sees as XML."""
    profile = WORK / f"profile-{locale}"
    (profile / "user").mkdir(parents=True)
    (profile / "user" / "registrymodifications.xcu").write_text(
        '<oor:items xmlns:oor="http://openoffice.org/2001/registry"><item oor:path="/org.openoffice.Setup/L10N">'
        f'<prop oor:name="ooSetupSystemLocale" oor:op="fuse"><value>{locale}</value></prop></item></oor:items>'
    )
    out = WORK / locale
    command = ["soffice", "--headless", f"-env:UserInstallation=file://{profile}", "--convert-to", "fods", "--outdir", out, *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    want(f"LibreOffice in {locale} ended with {done.stderr}", done.returncode, 0)
    return {file.stem: xml.parse(out / f"{file.stem}.fods") for file in files}


def cells_of(row):
    for cell in row.findall(TABLE + "table-cell"):
        kind = cell.get(OFFICE + "value-type")
        shown = "".join("".join(part.itertext()) for part in cell.iter(TEXT + "p"))
        value = cell.get(OFFICE + "date-value") or cell.get(OFFICE + "boolean-value") or cell.get(OFFICE + "value") or shown
        times = int(cell.get(TABLE + "number-columns-repeated", 1)) if kind else 1
        # A run of empty cells counts for as many, but for the last, which fills the sheet.
        skipped = int(cell.get(TABLE + "number-columns-repeated", 1)) if not kind else 0
        yield from [(kind, value, shown)] * times if kind else [(None, "", "")] * min(skipped, 100)


def rows_of(document):
    sheet = document.getroot().find(f".//{TABLE}table")
    for row in sheet.iter(TABLE + "table-row"):
        cells = list(cells_of(row))
        if any(kind for kind, _, _ in cells):
            yield from [cells] * int(row.get(TABLE + "number-rows-repeated", 1))


def compare(name, document, text):
    """Each cell of CSV must be there, as the kind of value that it is. Returns the total."""
    for element in document.iter():
        # LibreOffice has no truth values, and takes one for a call without arguments.
        if element.get(TABLE + "formula") not in (None, "of:=TRUE()", "of:=FALSE()"):
            sys.exit(f"{name} has the formula {element.get(TABLE + 'formula')}")
        if element.tag.startswith("{urn:oasis:names:tc:opendocument:xmlns:script"):
            sys.exit(f"{name} has a script")
    header, *rows = rows_of(document)
    columns = {shown: at for at, (_, _, shown) in enumerate(header)}
    records = list(csv.DictReader(io.StringIO(text)))
    want(f"{name}: rows", len(rows), len(records) + 1)
    for number, (row, record) in enumerate(zip(rows, records)):
        for column, given in record.items():
            at = columns[column]
            cell = row[at] if at < len(row) else (None, "", "")
            compare_cell(f"{name}: row {number}, {column}", cell, column, given)
    return {column: rows[-1][at] for column, at in columns.items() if at < len(rows[-1])}


def compare_cell(where, cell, column, given):
    kind, value, shown = cell
    if given == "":
        want(where, (kind, value), (None, ""))
    elif column in TEXTS:
        want(where, (kind, value), ("string", given.removeprefix("'")))
    elif given in ("true", "false"):
        want(where, (kind in ("boolean", "float"), TRUTHS.get(shown)), (True, given))
    elif given.endswith("Z"):
        # As shown: the XML has times to the hundredth of a second.
        want(where, (kind, shown.replace(",", ".")), ("date", given[:-1].replace("T", " ") + " UTC"))
    else:
        want(where, (kind, round(float(value), 4)), ("float", float(given)))


def sums(file, start, end):
    """Adds up the ledger's records in SQL, as the page on usage says that it is done."""
    began = f">= TIMESTAMPTZ '{start}' AND began < TIMESTAMPTZ '{end}'"
    query = f"""
        WITH stays AS (
            SELECT stay, min(joined_at) AS began, max(left_at) AS ended, any_value(identity) AS identity
            FROM '{file}' WHERE kind = 'stay' GROUP BY stay
        ), refusals AS (
            SELECT "at" AS began FROM '{file}' WHERE kind = 'refusal'
        ), used AS (
            SELECT *, epoch_ms(least(ended, TIMESTAMPTZ '{end}')) - epoch_ms(greatest(began, TIMESTAMPTZ '{start}')) AS ms
            FROM stays WHERE ended > TIMESTAMPTZ '{start}' AND began < TIMESTAMPTZ '{end}'
        )
        SELECT (SELECT sum(ms) FROM used), (SELECT count(DISTINCT identity) FROM used),
            (SELECT count(*) FROM stays WHERE began {began}), (SELECT count(*) FROM refusals WHERE began {began})
    """
    return dict(zip(("seat_ms", "identities", "joins", "refused"), map(int, duckdb.sql(query).fetchall()[0])))


def main():
    for tenant in ODD:
        call(f"/v1/tenants/{tenant}/license", method="PUT", body={"model": "concurrent", "seats": 3})
    # The last month that can be closed: each can some hours after it ends, by its tenant's time zone.
    yesterday = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
    period = (yesterday.replace(day=1) - datetime.timedelta(days=1)).strftime("%Y-%m")
    statement = {}
    while "totals" not in statement:  # a closing may take longer than one call
        statement = json.loads(call("/v1/tenants/acme/statements", method="POST", body={"period": period}))
    totals = statement["totals"]

    paths = {
        "usage": f"/v1/tenants/acme/usage?granularity=day&period={period}",
        "hosts": f"/v1/tenants/acme/usage?group_by=host&period={period}",
        "tenants": f"/v1/usage?period={period}",
        "statement": f"/v1/tenants/acme/statements/{period}",
        "ledger": f"/v1/tenants/acme/ledger?period={period}",
    }
    texts, files = {}, []
    for name, path in paths.items():
        texts[name] = call(path, "text/csv").decode()
        files.append(WORK / f"{name}.xlsx")
        files[-1].write_bytes(call(path, XLSX))
    for locale, minutes in {"en-US": ".", "de-DE": ","}.items():
        documents = opened(locale, files)
        for name, text in texts.items():
            total = compare(f"{name} in {locale}", documents[name], text)
            if name in ("usage", "hosts", "statement"):
                for column in ("peak", "seat_ms", "joins", "identities"):
                    want(f"the total of {name} in {locale}, {column}", float(total[column][1]), totals[column])
                want(f"minutes of {name} as shown in {locale}", total["seat_minutes"][2], totals["seat_minutes"].replace(".", minutes))
            lines = len(list(documents[name].iter(CHART + "series")))
            want(f"lines of the chart of {name} in {locale}", lines, 2 if name in ("usage", "tenants", "statement") else 0)
        seen = {row[0][1] for row in rows_of(documents["tenants"])}
        want(f"odd ids in {locale}", sorted(seen & set(ODD)), sorted(ODD))

    file = WORK / "ledger.parquet"
    file.write_bytes(call(paths["ledger"], "application/vnd.apache.parquet"))
    got = sums(file, statement["from"], statement["to"])
    want("the ledger in DuckDB", got, {name: totals[name] for name in got})
    records = len(texts["ledger"].splitlines()) - 1
    print(f"{len(files)} spreadsheets in two countries' settings, and {records} records in Parquet: as the API says")


main()
