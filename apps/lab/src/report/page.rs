//! The page around the pictures.

use std::fmt::Write as _;

use crate::numbers::number;
use crate::outcome::{Extent, Outcome};
use crate::report::escaped;
use crate::report::plot::{Line, Plot, Style};
use crate::report::svg::draw;
use crate::table::{Side, Table, Verdict};

const STYLE: &str = include_str!("style.css");

/// The page of one experiment.
pub(super) fn page(outcome: &Outcome, plots: &[Plot]) -> String {
    let about = outcome.about;
    let mut page = head(about.name);
    let _ = write!(
        page,
        "<header><h1>{}</h1><p class=\"purpose\">{}</p><p>{}</p>{}</header>",
        escaped(about.name),
        escaped(about.purpose),
        escaped(about.source),
        score(outcome)
    );
    let plots = plots.iter().filter(|plot| !plot.lines.is_empty());
    for plot in plots {
        figure(&mut page, plot);
    }
    let table = Table::of(outcome);
    page.push_str("<section><h2>All figures</h2>");
    let mut constants = table.constants.clone();
    constants.push(format!("seeds {}", outcome.seeds));
    let _ = write!(page, "<p>{}</p>", escaped(&constants.join(" · ")));
    write_table(&mut page, &table);
    page.push_str("</section>");
    notes(&mut page, outcome);
    let _ = writeln!(
        page,
        "<footer>Made by <code>manyhop lab run {0} --out DIR</code>. The numbers stand in \
         <a href=\"{0}.json\">{0}.json</a> and <a href=\"{0}.csv\">{0}.csv</a>.</footer></body></html>",
        escaped(about.name)
    );
    page
}

/// The page that leads to others.
pub(super) fn index(outcomes: &[Outcome]) -> String {
    let mut page = head("The lab");
    page.push_str(
        "<header><h1>The lab</h1><p class=\"purpose\">The tables of the papers, measured on the \
         code that runs on the net.</p></header><section class=\"scroll\"><table><tr>\
         <th>experiment</th><th>asks</th><th>within</th></tr>",
    );
    for outcome in outcomes {
        let (judged, good) = outcome.score();
        let _ = write!(
            page,
            "<tr><td><a href=\"{0}.html\">{0}</a></td><td style=\"white-space:normal\">{1}</td>\
             <td class=\"number {2}\">{good} of {judged}</td></tr>",
            escaped(outcome.about.name),
            escaped(outcome.about.purpose),
            if outcome.is_good() { "good" } else { "bad" }
        );
    }
    page.push_str("</table></section></body></html>\n");
    page
}

fn head(title: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{} · manyhop lab\
         </title><meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style>\
         </head><body>",
        escaped(title)
    )
}

fn score(outcome: &Outcome) -> String {
    let (judged, good) = outcome.score();
    let class = if outcome.is_good() { "good" } else { "bad" };
    let sign = if outcome.is_good() { "✓" } else { "✗" };
    let partial = match outcome.extent {
        Extent::Whole => String::new(),
        Extent::Part { done, total } => format!(" · partial: {done} of {total} runs"),
    };
    format!(
        "<p class=\"score {class}\">{sign} {good} of {judged} figures within their \
         tolerance{partial}</p>"
    )
}

fn figure(page: &mut String, plot: &Plot) {
    let _ = write!(page, "<figure><figcaption><h2>{}</h2>", escaped(plot.title));
    for (at, line) in plot.lines.iter().enumerate() {
        let shape = match line.style {
            Style::Columns => {
                "<rect class=\"column\" x=\"3\" y=\"1\" width=\"12\" height=\"12\" rx=\"2\"/>"
            }
            Style::Points | Style::Percentiles => {
                "<path class=\"line\" d=\"M0 7H18\"/><circle class=\"dot\" cx=\"9\" cy=\"7\" r=\"4\"/>"
            }
        };
        key(page, &format!("c{}", at % 6), shape, line.name);
    }
    let any = |holds: &dyn Fn(&Line) -> bool| plot.lines.iter().any(holds);
    if any(&|line| line.ours.iter().any(|point| point.ci95.is_some())) {
        let bar = "<path class=\"bar\" d=\"M4 2H14M4 12H14M9 2V12\"/>";
        key(page, "ink", bar, "95 % confidence");
    }
    if any(&|line| !line.paper.is_empty()) {
        let diamond = "<path class=\"paper\" d=\"M9 .5l6.5 6.5l-6.5 6.5l-6.5 -6.5z\"/>";
        key(page, "ink", diamond, "paper");
    }
    if any(&|line| line.style != Style::Columns && line.ours.iter().any(|p| p.accepted.is_some())) {
        let band = "<rect class=\"band\" x=\"2\" y=\"1\" width=\"14\" height=\"12\" rx=\"2\"/>";
        key(page, "ink", band, "accepted");
    }
    if any(&|line| line.style == Style::Percentiles) {
        let shade = "<rect class=\"shade\" x=\"0\" y=\"1\" width=\"18\" height=\"12\"/>";
        key(page, "ink", shade, "1st to 99th percentile");
    }
    let _ = write!(page, "</figcaption>{}", draw(plot));
    data(page, plot);
    page.push_str("</figure>");
}

fn key(page: &mut String, class: &str, shape: &str, name: &str) {
    let _ = write!(
        page,
        "<span class=\"key {class}\"><svg viewBox=\"0 0 18 14\" aria-hidden=\"true\">{shape}</svg>\
         {}</span>",
        escaped(name)
    );
}

/// The picture's numbers.
fn data(page: &mut String, plot: &Plot) {
    let _ = write!(
        page,
        "<details><summary>Numbers of this picture</summary><div class=\"scroll\"><table><tr>\
         <th></th><th class=\"number\">{}</th><th class=\"number\">{}</th>\
         <th class=\"number\">±95 %</th><th class=\"number\">paper</th></tr>",
        escaped(plot.x.label),
        escaped(plot.y.label)
    );
    for line in &plot.lines {
        for point in &line.ours {
            let paper = line.paper.iter().find(|(x, _)| *x == point.x);
            let cells = [
                number(point.x * plot.x.factor),
                number(point.y * plot.y.factor),
                point.ci95.map_or(String::new(), number),
                paper.map_or(String::new(), |(_, y)| number(y * plot.y.factor)),
            ];
            let _ = write!(page, "<tr><td>{}</td>", escaped(line.name));
            for cell in cells {
                let _ = write!(page, "<td class=\"number\">{cell}</td>");
            }
            page.push_str("</tr>");
        }
    }
    page.push_str("</table></div></details>");
}

fn write_table(page: &mut String, table: &Table) {
    let class = |side| match side {
        Side::Left => "",
        Side::Right => " class=\"number\"",
    };
    page.push_str("<div class=\"scroll\"><table><tr>");
    for (name, side) in &table.head {
        let _ = write!(page, "<th{}>{}</th>", class(*side), escaped(name));
    }
    page.push_str("</tr>");
    for (cells, verdict) in &table.rows {
        page.push_str("<tr>");
        let last = cells.len().saturating_sub(1);
        for (at, (cell, (_, side))) in cells.iter().zip(&table.head).enumerate() {
            let class = match verdict {
                Verdict::Within if at == last => " class=\"good\"",
                Verdict::Outside if at == last => " class=\"bad\"",
                Verdict::Within | Verdict::Outside | Verdict::Unjudged => class(*side),
            };
            let _ = write!(page, "<td{class}>{}</td>", escaped(cell));
        }
        page.push_str("</tr>");
    }
    page.push_str("</table></div>");
}

fn notes(page: &mut String, outcome: &Outcome) {
    if !outcome.about.notes.is_empty() {
        page.push_str("<section><h2>How to read it</h2><ul>");
        for note in outcome.about.notes {
            let _ = write!(page, "<li>{}</li>", escaped(note));
        }
        page.push_str("</ul></section>");
    }
    if !outcome.failures.is_empty() {
        page.push_str("<section><h2 class=\"bad\">Failed runs</h2><ul>");
        for failure in &outcome.failures {
            let _ = write!(
                page,
                "<li>{}<br><code>manyhop lab replay '{}'</code></li>",
                escaped(&failure.reason),
                escaped(&failure.replay)
            );
        }
        page.push_str("</ul></section>");
    }
}
