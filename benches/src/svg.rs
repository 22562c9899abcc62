//! Pictures, by hand: bars for contenders, curves for what grows.

use core::fmt::Write;

use crate::outcome::{Outcome, Row};

/// A scenario's picture: curves where it has points of curves, bars otherwise. Its colours suit a
/// light and a dark page; it needs nothing from outside.
#[must_use]
pub fn picture(outcome: &Outcome) -> String {
    match &outcome.along {
        Some(along) => curves(outcome, along),
        None => bars(outcome),
    }
}

/// Text as it stands in SVG and HTML.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// A bar a row, as long as its median, with a line from quartile to quartile.
fn bars(outcome: &Outcome) -> String {
    // What is not a time is in the table alone.
    let rows: Vec<&Row> = outcome
        .rows
        .iter()
        .filter(|row| row.unit.is_none())
        .collect();
    let height = TOP + ROW * rows.len() as f64 + 8.0;
    let longest = rows.iter().map(|row| row.nanos.high).fold(0.0, f64::max);
    let scale = (WIDTH - LABELS - VALUES) / if longest > 0.0 { longest } else { 1.0 };
    let mut svg = open(height, outcome);
    for (number, row) in rows.iter().enumerate() {
        let Row { name, nanos, .. } = row;
        let (y, middle) = (TOP + ROW * number as f64, TOP + ROW * (number as f64 + 0.5));
        let class = kind(name);
        let (label, base) = (LABELS - 8.0, middle + 4.0);
        let _ = write!(
            svg,
            r#"<text x="{label:.1}" y="{base:.1}" text-anchor="end">{}</text><rect class="{class}" x="{LABELS}" y="{:.1}" width="{:.1}" height="{:.1}"/>"#,
            escape(name),
            y + 3.0,
            (nanos.median * scale).max(0.5),
            ROW - 6.0,
        );
        let (low, high) = (LABELS + nanos.low * scale, LABELS + nanos.high * scale);
        let _ = write!(
            svg,
            r#"<path class="spread" d="M{low:.1} {middle:.1}H{high:.1}"/><text x="{:.1}" y="{base:.1}">{}</text>"#,
            high.max(LABELS + nanos.median * scale) + 6.0,
            number_text(nanos.median),
        );
    }
    svg + "</svg>"
}

/// A line a curve, the first axis logarithmic.
fn curves(outcome: &Outcome, along: &str) -> String {
    let mut curves: Vec<(&str, Vec<(f64, &Row)>)> = Vec::new();
    for row in &outcome.rows {
        let Some((name, at)) = row.point() else {
            continue;
        };
        match curves.iter_mut().find(|(known, _)| *known == name) {
            Some((_, points)) => points.push((at, row)),
            None => curves.push((name, vec![(at, row)])),
        }
    }
    let points = || curves.iter().flat_map(|(_, points)| points);
    let least = points()
        .map(|(at, _)| *at)
        .fold(f64::MAX, f64::min)
        .max(1.0);
    let most = points().map(|(at, _)| *at).fold(1.0, f64::max);
    let highest = points().map(|(_, row)| row.nanos.high).fold(0.0, f64::max);
    let step = round_step(highest / 5.0);
    let top = (highest / step).ceil().max(1.0) * step;
    let span = (most / least).log2().max(f64::MIN_POSITIVE);
    let x = |at: f64| LEFT + (WIDTH - LEFT - RIGHT) * (at / least).log2() / span;
    let y = |nanos: f64| TOP + PLOT * (1.0 - nanos / top);
    let mut svg = open(TOP + PLOT + 48.0, outcome);
    let mut line = 0.0;
    while line <= top + step / 2.0 {
        let _ = write!(
            svg,
            r#"<path class="grid" d="M{LEFT} {:.1}H{:.1}"/><text x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
            y(line),
            WIDTH - RIGHT,
            LEFT - 6.0,
            y(line) + 4.0,
            number_text(line),
        );
        line += step;
    }
    let mut marks: Vec<f64> = points().map(|(at, _)| *at).collect();
    marks.sort_by(f64::total_cmp);
    marks.dedup();
    let mut free = f64::MIN;
    for at in marks {
        // Where there is room.
        if x(at) >= free {
            let text = short(at);
            let _ = write!(
                svg,
                r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">{text}</text>"#,
                x(at),
                TOP + PLOT + 18.0,
            );
            free = x(at) + 34.0;
        }
    }
    let _ = write!(
        svg,
        r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
        (LEFT + WIDTH - RIGHT) / 2.0,
        TOP + PLOT + 38.0,
        escape(along),
    );
    for (number, (name, points)) in curves.iter().enumerate() {
        let class = format!("c{}", number % COLOURS);
        let mut path = String::new();
        for (at, row) in points {
            let verb = if path.is_empty() { 'M' } else { 'L' };
            let _ = write!(path, "{verb}{:.1} {:.1}", x(*at), y(row.nanos.median));
            let _ = write!(
                svg,
                r#"<path class="spread" d="M{:.1} {:.1}V{:.1}"/><circle class="{class}" cx="{:.1}" cy="{:.1}" r="3"/>"#,
                x(*at),
                y(row.nanos.low),
                y(row.nanos.high),
                x(*at),
                y(row.nanos.median),
            );
        }
        let end = points.last().map_or(0.0, |(_, row)| row.nanos.median);
        let _ = write!(
            svg,
            r#"<path class="{class} line" d="{path}"/><text class="{class}" x="{:.1}" y="{:.1}">{}</text>"#,
            WIDTH - RIGHT + 8.0,
            y(end) + 4.0,
            escape(name),
        );
    }
    svg + "</svg>"
}

fn open(height: f64, outcome: &Outcome) -> String {
    let title = format!("{} (ns per {})", outcome.name, outcome.unit);
    let title = escape(&title);
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0}" width="{WIDTH}" height="{height:.0}" role="img"><title>{title}</title><style>{STYLE}</style><text class="title" x="8" y="18">{title}</text>"#
    )
}

/// What a contender is, by its name.
fn kind(name: &str) -> &'static str {
    if name.starts_with("linecard") {
        "ours"
    } else if name.starts_with("floor") {
        "floor"
    } else {
        "theirs"
    }
}

/// The least of 1, 2 and 5 times a power of ten that is not less.
fn round_step(least: f64) -> f64 {
    if least.is_nan() || least <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0].map(|step| step * power);
    let step = steps.into_iter().find(|step| *step >= least * (1.0 - 1e-9));
    step.unwrap_or(power * 10.0)
}

/// As many digits as say something.
fn number_text(value: f64) -> String {
    match value {
        ..0.005 => "0".to_owned(),
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// A count, in Ki and Mi where it is a whole number of them, in k and M where it is long.
fn short(count: f64) -> String {
    let whole = count as u64;
    let divided = |by: u64, unit: &str| {
        (whole >= by && whole.is_multiple_of(by)).then(|| format!("{}{unit}", whole / by))
    };
    divided(1 << 20, "Mi")
        .or_else(|| divided(1_000_000, "M"))
        .or_else(|| divided(1 << 10, "Ki"))
        .or_else(|| divided(1_000, "k"))
        .unwrap_or_else(|| whole.to_string())
}

const WIDTH: f64 = 860.0;
const TOP: f64 = 30.0;
/// Of bars: room for their names and values, and height.
const LABELS: f64 = 310.0;
const VALUES: f64 = 60.0;
const ROW: f64 = 22.0;
/// Of curves: room for the axes and names, and height.
const LEFT: f64 = 56.0;
const RIGHT: f64 = 200.0;
const PLOT: f64 = 240.0;
const COLOURS: usize = 4;
const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#555}.title{font-weight:600}\
    .ours{fill:#2b7bba}.theirs{fill:#b8b8b8}.floor{fill:#79b685}\
    .spread{stroke:#333;stroke-width:1.5;fill:none}.grid{stroke:#8884;fill:none}\
    .c0{fill:#2b7bba}.c1{fill:#c5622b}.c2{fill:#4a9a58}.c3{fill:#8a63b0}\
    .line{fill:none;stroke-width:2}.line.c0{stroke:#2b7bba}.line.c1{stroke:#c5622b}\
    .line.c2{stroke:#4a9a58}.line.c3{stroke:#8a63b0}\
    @media(prefers-color-scheme:dark){text{fill:#bbb}.spread{stroke:#ddd}}";

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(rows: &[(&str, f64)]) -> Outcome {
        let row = |&(name, nanos): &(&str, f64)| Row::new(name, vec![nanos; 3]);
        Outcome::new("s", "item", rows.iter().map(row).collect(), Vec::new(), &[])
    }

    #[test]
    fn names_cannot_leave_their_element() {
        let name = r#"<script>alert("x & 'y'")</script>"#;
        let svg = picture(&outcome(&[(name, 1.0)]));
        assert!(!svg.contains("<script>"), "{svg}");
        let escaped = "&lt;script&gt;alert(&quot;x &amp; &#39;y&#39;&quot;)&lt;/script&gt;";
        assert!(svg.contains(escaped), "{svg}");
    }

    #[test]
    fn the_longest_bar_fills_the_room_and_half_the_time_half_of_it() {
        let svg = picture(&outcome(&[
            ("linecard", 5.0),
            ("peer", 10.0),
            ("floor", 0.0),
        ]));
        let room = WIDTH - LABELS - VALUES;
        let bar = |class: &str, width: f64| {
            let start = svg
                .find(&format!(r#"<rect class="{class}""#))
                .expect("a bar");
            svg[start..].contains(&format!(r#"width="{width:.1}""#))
        };
        assert!(bar("ours", room / 2.0), "{svg}");
        assert!(bar("theirs", room), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn a_curve_goes_through_its_points() {
        let mut outcome = outcome(&[("router @ 64", 5.0), ("router @ 4096", 10.0)]);
        outcome.along = Some("flows".into());
        let svg = picture(&outcome);
        let right = WIDTH - RIGHT;
        let path = format!(
            r#"d="M{LEFT:.1} {:.1}L{right:.1} {TOP:.1}""#,
            TOP + PLOT / 2.0
        );
        assert!(svg.contains(&path), "{path} in {svg}");
        assert!(
            svg.contains(">4Ki</text>") && svg.contains(">flows</text>"),
            "{svg}"
        );
        outcome.rows.clear();
        assert!(
            picture(&outcome).ends_with("</svg>"),
            "nothing is a picture too"
        );
    }

    #[test]
    fn steps_are_round() {
        let steps = [0.3, 1.0, 1.1, 2.4, 30.0, 51.0].map(round_step);
        assert_eq!(steps, [0.5, 1.0, 2.0, 5.0, 50.0, 100.0]);
        assert_eq!(round_step(0.0), 1.0);
        assert_eq!(
            [64.0, 1024.0, 1e6, 1048576.0, 500_000.0].map(short),
            ["64", "1Ki", "1M", "1Mi", "500k"]
        );
    }
}
