//! Draws a picture.
//!
//! Colours and widths are the page's style; here is only where things lie. Each point says what it
//! is when it is pointed at.

use std::fmt::Write as _;

use crate::numbers::number;
use crate::report::axis::Ruler;
use crate::report::escaped;
use crate::report::plot::{Line, Plot, Point, Style};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 66.0;
const RIGHT: f64 = 744.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 346.0;

struct Sheet {
    x: Ruler,
    y: Ruler,
    svg: String,
}

/// Draws a picture.
pub(super) fn draw(plot: &Plot) -> String {
    let points = || plot.lines.iter().flat_map(|line| &line.ours);
    let paper = || plot.lines.iter().flat_map(|line| &line.paper);
    let columns = plot.lines.iter().any(|line| line.style == Style::Columns);
    let side = if columns { 0.5 } else { 0.0 };
    let xs = points()
        .map(|point| point.x)
        .chain(paper().map(|(x, _)| *x));
    let xs = xs.flat_map(|x| [x - side, x + side]);
    let ys = plot.lines.iter().flat_map(heights);
    let mut sheet = Sheet {
        x: Ruler::new(plot.x, xs, LEFT, RIGHT),
        y: Ruler::new(plot.y, ys, BOTTOM, TOP),
        svg: String::new(),
    };
    let label = escaped(&format!(
        "{}: {} against {}",
        plot.title, plot.y.label, plot.x.label
    ));
    let _ = write!(
        sheet.svg,
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{label}\">"
    );
    sheet.frame(plot);
    for (number, line) in plot.lines.iter().enumerate() {
        let columns = plot.lines.len() as f64;
        let _ = write!(sheet.svg, "<g class=\"c{}\">", number % 6);
        match line.style {
            Style::Columns => {
                sheet.columns(line, number as f64, columns);
                sheet.paper(line);
            }
            Style::Points | Style::Percentiles => {
                sheet.joined(line);
                sheet.paper(line);
                sheet.dots(line);
            }
        }
        sheet.svg.push_str("</g>");
    }
    sheet.svg.push_str("</svg>");
    sheet.svg
}

/// All heights that a line reaches.
fn heights(line: &Line) -> impl Iterator<Item = f64> {
    let style = line.style;
    let of_point = move |point: &Point| {
        let ci95 = point.ci95.unwrap_or(0.0);
        let (low, high) = match style {
            Style::Percentiles => point.percentiles,
            Style::Points => (point.y, point.y),
            Style::Columns => (0.0, point.y),
        };
        [point.y - ci95, point.y + ci95, low, high]
    };
    let ours = line.ours.iter().flat_map(of_point);
    ours.chain(line.paper.iter().map(|(_, y)| *y))
}

impl Sheet {
    fn frame(&mut self, plot: &Plot) {
        for (x, text) in self.x.marks() {
            let _ = write!(
                self.svg,
                "<line class=\"tick\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{BOTTOM}\" y2=\"{:.1}\"/>\
                 <text class=\"mark\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{text}</text>",
                BOTTOM + 5.0,
                BOTTOM + 20.0
            );
        }
        for (y, text) in self.y.marks() {
            let _ = write!(
                self.svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"mark\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
                LEFT - 8.0,
                y + 4.0
            );
        }
        let (middle_x, middle_y) = ((LEFT + RIGHT) / 2.0, (TOP + BOTTOM) / 2.0);
        let _ = write!(
            self.svg,
            "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{BOTTOM}\" y2=\"{BOTTOM}\"/>\
             <text class=\"label\" x=\"{middle_x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
             <text class=\"label\" transform=\"translate(16 {middle_y:.1}) rotate(-90)\" \
             text-anchor=\"middle\">{}</text>",
            HEIGHT - 10.0,
            escaped(plot.x.label),
            escaped(plot.y.label)
        );
    }

    fn joined(&mut self, line: &Line) {
        if line.style == Style::Percentiles {
            self.shade(line);
        }
        for point in &line.ours {
            self.accepted(point);
        }
        let place = |point: &Point| format!("{:.1},{:.1}", self.x.at(point.x), self.y.at(point.y));
        let places: Vec<_> = line.ours.iter().map(place).collect();
        let _ = write!(
            self.svg,
            "<polyline class=\"line\" points=\"{}\"/>",
            places.join(" ")
        );
    }

    fn dots(&mut self, line: &Line) {
        for point in &line.ours {
            self.bar(point);
            let (x, y) = (self.x.at(point.x), self.y.at(point.y));
            let said = said(line, point);
            let _ = write!(
                self.svg,
                "<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"><title>{said}</title></circle>"
            );
        }
    }

    /// From the 1st to the 99th percentile.
    fn shade(&mut self, line: &Line) {
        let upper = line.ours.iter().map(|point| (point.x, point.percentiles.1));
        let lower = line
            .ours
            .iter()
            .rev()
            .map(|point| (point.x, point.percentiles.0));
        let place = |(x, y)| format!("{:.1},{:.1}", self.x.at(x), self.y.at(y));
        let places: Vec<_> = upper.chain(lower).map(place).collect();
        let _ = write!(
            self.svg,
            "<polygon class=\"shade\" points=\"{}\"/>",
            places.join(" ")
        );
    }

    /// What is accepted, behind the point.
    fn accepted(&mut self, point: &Point) {
        if let Some(band) = point.accepted {
            let (low, high) = (self.y.at(band.low), self.y.at(band.high));
            let height = (low - high).max(1.5);
            let _ = write!(
                self.svg,
                "<rect class=\"band\" x=\"{:.1}\" y=\"{high:.1}\" width=\"16\" \
                 height=\"{height:.1}\" rx=\"2\"/>",
                self.x.at(point.x) - 8.0
            );
        }
    }

    /// The bar of confidence.
    fn bar(&mut self, point: &Point) {
        let Some(ci95) = point.ci95 else {
            return;
        };
        let x = self.x.at(point.x);
        let (low, high) = (self.y.at(point.y - ci95), self.y.at(point.y + ci95));
        let (left, right) = (x - 5.0, x + 5.0);
        let _ = write!(
            self.svg,
            "<path class=\"bar\" d=\"M{left:.1} {low:.1}H{right:.1}M{left:.1} {high:.1}H{right:.1}\
             M{x:.1} {low:.1}V{high:.1}\"/>"
        );
    }

    fn columns(&mut self, line: &Line, number: f64, of: f64) {
        for point in &line.ours {
            let width = 0.8 / of;
            let from = point.x - 0.4 + number * width;
            let (left, right) = (self.x.at(from), self.x.at(from + width));
            let (foot, head) = (self.y.at(0.0), self.y.at(point.y));
            let _ = write!(
                self.svg,
                "<rect class=\"column\" x=\"{left:.1}\" y=\"{head:.1}\" width=\"{:.1}\" \
                 height=\"{:.1}\" rx=\"2\"><title>{}</title></rect>",
                right - left,
                (foot - head).max(0.0),
                said(line, point)
            );
        }
    }

    fn paper(&mut self, line: &Line) {
        for &(x, y) in &line.paper {
            let (at, up) = (self.x.at(x), self.y.at(y));
            let _ = write!(
                self.svg,
                "<path class=\"paper\" d=\"M{at:.1} {:.1}l6.5 6.5l-6.5 6.5l-6.5 -6.5z\">\
                 <title>{}, paper: {} at {}</title></path>",
                up - 6.5,
                escaped(line.name),
                number(y),
                number(x)
            );
        }
    }
}

/// What a point says when it is pointed at.
fn said(line: &Line, point: &Point) -> String {
    let name = escaped(line.name);
    let ci95 = point
        .ci95
        .map_or(String::new(), |ci95| format!(" ± {}", number(ci95)));
    format!("{name}: {}{ci95} at {}", number(point.y), number(point.x))
}
