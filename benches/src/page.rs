//! One page with all figures and pictures, and the same as a table for the repository.

use core::fmt::Write;

use crate::bar::Verdict;
use crate::document::{Document, Entry, Measured};
use crate::outcome::{Missing, Outcome, Row};
use crate::report::Findings;
use crate::svg::{self, escape};

/// A part of the page: whose names begin so.
struct Section {
    title: &'static str,
    begins: &'static [&'static str],
}

const fn section(title: &'static str, begins: &'static [&'static str]) -> Section {
    Section { title, begins }
}

const SECTIONS: &[Section] = &[
    section(
        "Routers and forwarders in memory",
        &["router/", "udp/", "cross-connect/", "loopback/", "null/"],
    ),
    section("Headers and checksums", &["parse/", "checksum/"]),
    section("Rings and mempools", &["ring/", "mempool/"]),
    section("Look-ups", &["lpm", "rss/", "toeplitz/", "flow-table/"]),
    section("AF_XDP", &["af-xdp/", "af_xdp/"]),
    section("vhost-user", &["vhost-user"]),
    section(
        "Cache-line alignment: what does false sharing cost?",
        &["alignment/"],
    ),
    section(
        "Affinity: what do pinning, cores and nodes do?",
        &["affinity/"],
    ),
    section(
        "Cache maintenance for devices: what does a line cost?",
        &["dma/"],
    ),
    section(
        "Latency, stage by stage, and pauses",
        &["latency/", "timers/"],
    ),
    section("Copying, half-copying, zero-copy", &["copying/"]),
    section("Cost as work grows", &["growth/"]),
    section("Two cores", &["cores/"]),
];

/// The page, with its pictures in it.
#[must_use]
pub fn html(document: &Document) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Linecard: the figures</title><style>{STYLE}</style></head>\n<body><h1>Linecard: the figures</h1>\n<p>{}</p>\n<p>{}</p>\n",
        escape(HOW),
        escape(&tally(document))
    );
    for (title, entries) in sections(document) {
        let _ = writeln!(page, "<h2>{}</h2>", escape(title));
        for entry in entries {
            entry_html(&mut page, entry);
        }
    }
    page + "</body></html>\n"
}

/// The same in Markdown, without pictures.
#[must_use]
pub fn markdown(document: &Document) -> String {
    let mut text = format!(
        "# Figures\n\n<!-- Generated: cargo bench -p linecard-benches -- --results RESULTS.md -->\n\n{HOW}\n\n{}\n",
        tally(document)
    );
    for (title, entries) in sections(document) {
        let _ = write!(text, "\n## {title}\n");
        for entry in entries {
            entry_markdown(&mut text, entry);
        }
    }
    text
}

/// How many bars hold, and how many do not.
fn tally(document: &Document) -> String {
    let bars = document
        .entries
        .iter()
        .flat_map(|entry| match &entry.result {
            Measured::Scenario(outcome) => outcome.bars.as_slice(),
            _ => &[],
        });
    let mut words: Vec<_> = bars.map(Verdict::word).collect();
    let count = words.len();
    words.sort_unstable();
    let each = words
        .chunk_by(|one, other| one == other)
        .filter_map(|same| Some(format!("{} {}", same.len(), same.first()?)));
    let each = each.collect::<Vec<_>>().join(", ");
    format!("{count} bars: {each}. {REACH}")
}

/// The sections that have entries, and in the end what is in none.
fn sections(document: &Document) -> Vec<(&'static str, Vec<&Entry>)> {
    let is_in = |entry: &Entry, section: &Section| {
        let mut begins = section.begins.iter();
        begins.any(|begin| entry.name().starts_with(begin))
    };
    let entries = || document.entries.iter();
    let mut sections: Vec<_> = SECTIONS
        .iter()
        .map(|section| {
            let entries = entries().filter(|entry| is_in(entry, section));
            (section.title, entries.collect::<Vec<_>>())
        })
        .collect();
    let others = entries().filter(|entry| !SECTIONS.iter().any(|section| is_in(entry, section)));
    sections.push(("Others", others.collect()));
    sections.retain(|(_, entries)| !entries.is_empty());
    sections
}

fn entry_html(page: &mut String, entry: &Entry) {
    let _ = writeln!(page, "<h3>{}</h3>", escape(entry.name()));
    match &entry.result {
        Measured::Scenario(outcome) => {
            let _ = writeln!(page, "{}", svg::picture(outcome));
            let (head, rows) = table(outcome);
            table_html(page, &head, &rows);
            for line in remarks(outcome) {
                let _ = writeln!(page, "<p>{}</p>", escape(&line));
            }
        }
        Measured::Report(Findings {
            answer,
            columns,
            rows,
            ..
        }) => {
            table_html(page, columns, rows);
            let _ = writeln!(page, "<p>{}</p>", escape(answer));
        }
        Measured::LeftOut { why, .. } => {
            let _ = writeln!(page, "<p>Left out: {}</p>", escape(why));
        }
    }
    let (command, about) = (escape(&entry.command), escape(&about(entry)));
    let _ = writeln!(page, "<p class=\"how\"><code>{command}</code> {about}</p>");
}

fn table_html(page: &mut String, head: &[String], rows: &[Vec<String>]) {
    let line = |cells: &[String], kind: &str| {
        let cells = cells
            .iter()
            .map(|cell| format!("<{kind}>{}</{kind}>", escape(cell)));
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    };
    let body: String = rows.iter().map(|row| line(row, "td")).collect();
    let _ = write!(page, "<table>\n{}{body}</table>\n", line(head, "th"));
}

fn entry_markdown(text: &mut String, entry: &Entry) {
    let _ = write!(text, "\n### {}\n\n", entry.name());
    let (head, rows, remarks) = match &entry.result {
        Measured::Scenario(outcome) => {
            let (head, rows) = table(outcome);
            (head, rows, remarks(outcome))
        }
        Measured::Report(findings) => (
            findings.columns.clone(),
            findings.rows.clone(),
            vec![findings.answer.clone()],
        ),
        Measured::LeftOut { why, .. } => (Vec::new(), Vec::new(), vec![format!("Left out: {why}")]),
    };
    if !head.is_empty() {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | ").replace('\n', " "));
        let rule: Vec<_> = head.iter().map(|_| "---".to_owned()).collect();
        let _ = write!(text, "{}{}", line(&head), line(&rule));
        for row in &rows {
            text.push_str(&line(row));
        }
        text.push('\n');
    }
    for remark in remarks {
        let _ = writeln!(text, "{remark}\n");
    }
    let _ = writeln!(text, "`{}` {}", entry.command, about(entry));
}

/// A scenario's table: without columns that would be empty.
fn table(outcome: &Outcome) -> (Vec<String>, Vec<Vec<String>>) {
    let curves = outcome.along.is_some();
    let counted = outcome.rows.iter().any(|row| row.counts.is_some());
    let unit = format!("ns per {}, median (quartiles)", outcome.unit);
    let mut head = vec!["".to_owned(), unit];
    if !curves {
        head.push("first / this".into());
    }
    if counted {
        head.push("instructions".into());
        head.push("mispredicted, simulated".into());
    }
    let mut rows = Vec::new();
    for Row {
        name,
        nanos,
        ratio,
        counts,
        unit,
        ..
    } in &outcome.rows
    {
        let figure = match unit {
            Some(unit) => format!("{nanos:.4} {unit}"),
            None => format!("{nanos:.2}"),
        };
        let mut row = vec![name.trim().to_owned(), figure];
        if !curves {
            row.push(
                unit.as_ref()
                    .map_or_else(|| format!("{ratio:.2}"), |_| String::new()),
            );
        }
        if counted {
            row.push(counts.map_or(String::new(), |counts| {
                format!("{:.1}", counts.instructions)
            }));
            row.push(counts.map_or(String::new(), |counts| {
                format!("{:.3}", counts.mispredicted)
            }));
        }
        rows.push(row);
    }
    for Missing { name, why } in &outcome.missing {
        let mut row = vec![name.clone(), format!("left out: {why}")];
        row.resize(head.len(), String::new());
        rows.push(row);
    }
    (head, rows)
}

/// What is said below the table: the note, and each bar.
fn remarks(outcome: &Outcome) -> Vec<String> {
    let note = Some(outcome.note.clone()).filter(|note| !note.is_empty());
    let bars = outcome.bars.iter().map(ToString::to_string);
    note.into_iter().chain(bars).collect()
}

fn about(entry: &Entry) -> String {
    format!("on {}: {}", entry.date, entry.machine.line())
}

const HOW: &str = "Contenders take turns in random order in one run; a ratio is of times in the same round, so that a \
    noisy machine cannot decide. Times are of the thread's processor unless the row says otherwise. Ratios above 1 in \
    the column \"first / this\" mean that the first row took longer.";
const REACH: &str = "A bar is out of reach where a floor fails it as well: a program that does less than any of ours must, or the \
    time for which the other side, a peer's, is itself at work.";
const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;max-width:62em;margin:2em auto;padding:0 1em}\
    table{border-collapse:collapse;font-size:13px}td,th{border-bottom:1px solid #8884;padding:.15em .7em;text-align:right}\
    td:first-child,th:first-child{text-align:left}.how{font-size:12px;color:#888}svg{max-width:100%;height:auto}\
    @media(prefers-color-scheme:dark){body{background:#16181c;color:#ccc}}";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bar::Bar;
    use crate::machine::Machine;

    fn document() -> Document {
        let rows = vec![
            Row::new("linecard <ours>", vec![1.0; 9]),
            Row::new("peer", vec![4.0; 9]),
        ];
        let missing = vec![Missing {
            name: "dpdk".into(),
            why: "not here".into(),
        }];
        let bars = [Bar::best("linecard", 0.1)];
        let outcome = Outcome::new("ring/one", "item", rows, missing, &bars);
        let mut findings = Findings::new("latency/x", &["stage", "p50"]);
        findings.row(["parse".into(), "7 ns".into()]);
        let left_out = Measured::LeftOut {
            name: "unheard/of".into(),
            why: "two cores".into(),
        };
        let results = [
            Measured::Report(findings),
            left_out,
            Measured::Scenario(outcome),
        ];
        Document {
            entries: results
                .into_iter()
                .map(|result| Entry {
                    command: "cargo bench".into(),
                    date: "2026-01-01".into(),
                    machine: Machine::here(),
                    result,
                })
                .collect(),
        }
    }

    #[test]
    fn both_forms_have_every_figure_reason_and_bar() {
        let document = document();
        let (html, text) = (html(&document), markdown(&document));
        for form in [&html, &text] {
            for figure in [
                "4.00 (4.00 to 4.00)",
                "left out: not here",
                "7 ns",
                "two cores",
                "FAILS: linecard",
                "1 bars: 1 FAILS.",
            ] {
                assert!(form.contains(figure), "{figure} in {form}");
            }
            let place = |title: &str| form.find(title).expect(title);
            assert!(place("Rings and mempools") < place("stage by stage"));
            assert!(place("stage by stage") < place("Others"));
        }
        assert!(html.contains("<svg ") && !html.contains("<ours>"));
        assert!(
            text.contains("| linecard <ours> | 1.00 (1.00 to 1.00) |"),
            "{text}"
        );
    }
}
