//! The picture of a results file: `benches/results.svg`.
//!
//! Horizontal bars on a logarithmic scale that begin at 1, the inner allocator
//! alone; a bar to the left of 1 was faster than it. The ground is transparent
//! and all colours are of middle lightness, so that it reads on a light page
//! and on a dark one.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::contenders::{EXACT, OFF};
use crate::markdown::short;
use crate::results::Results;

/// A bar of each workload: profiler, inner allocator, its name in the picture.
const BARS: [(&str, &str, &str); 8] = [
    (OFF, "glibc", "endler off, in glibc"),
    (EXACT, "glibc", "endler, in glibc"),
    ("heapscope", "glibc", "heapscope, in glibc"),
    ("dhat-rs", "glibc", "dhat-rs, in glibc"),
    (OFF, "jemalloc", "endler off, in jemalloc"),
    (EXACT, "jemalloc", "endler, in jemalloc"),
    (
        "jemalloc prof 512 KiB",
        "jemalloc",
        "jemalloc's own, each 512 KiB",
    ),
    (
        "jemalloc prof exact",
        "jemalloc",
        "jemalloc's own, every allocation",
    ),
];

/// The workloads in the picture, with their headings.
const WORKLOADS: [(&str, &str); 5] = [
    ("json", "serde_json parse"),
    ("html", "html5ever parse, the Rust documentation"),
    ("crawl", "a crawl: tokio, reqwest, scraper"),
    ("churn", "random churn, 100,000 live blocks"),
    ("threads", "2 threads that only allocate and free"),
];

const TEXT: RGBColor = RGBColor(0x7d, 0x86, 0x91);
const GRID: RGBColor = RGBColor(0x80, 0x88, 0x92);
const ENDLER: RGBColor = RGBColor(0xe0, 0x6c, 0x1f);
const ENDLER_OFF: RGBColor = RGBColor(0x3f, 0xa3, 0x5b);
const PEER: RGBColor = RGBColor(0x5b, 0x84, 0xc4);

const WIDTH: u32 = 880;
/// Height of a bar's row, and of a heading's.
const ROW: i32 = 19;
const HEADING: i32 = 34;
/// Between the bars of one inner allocator and the next.
const GAP: i32 = 7;
const LEFT: i32 = 230;
const RIGHT: i32 = 60;
const TOP: i32 = 40;
const BOTTOM: i32 = 44;

/// What stands in one row of the picture.
enum Line {
    Heading(&'static str),
    Gap,
    Bar {
        name: &'static str,
        colour: RGBColor,
        ratio: f64,
    },
}

impl Line {
    fn height(&self) -> i32 {
        match self {
            Line::Heading(_) => HEADING,
            Line::Gap => GAP,
            Line::Bar { .. } => ROW,
        }
    }
}

/// Draws the results into a file.
pub(crate) fn draw(results: &Results, file: &Path) -> Result<(), String> {
    let lines = lines(results);
    if lines.is_empty() {
        return Err("the results hold no times to draw".into());
    }
    picture(results, &lines, file).map_err(|e| format!("{}: {e}", file.display()))
}

fn lines(results: &Results) -> Vec<Line> {
    let mut lines = Vec::new();
    for (workload, heading) in WORKLOADS {
        let mut bars: Vec<Line> = Vec::new();
        let mut last = None;
        for (profiler, inner, name) in &BARS {
            let row = results.time(workload, profiler, inner);
            let Some(ratio) = row.and_then(|row| row.ratio) else {
                continue;
            };
            if last.is_some_and(|last| last != inner) {
                bars.push(Line::Gap);
            }
            last = Some(inner);
            let colour = match *profiler {
                EXACT => ENDLER,
                OFF => ENDLER_OFF,
                _ => PEER,
            };
            bars.push(Line::Bar {
                name,
                colour,
                ratio: ratio.median,
            });
        }
        if !bars.is_empty() {
            lines.push(Line::Heading(heading));
            lines.extend(bars);
        }
    }
    lines
}

fn picture(
    results: &Results,
    lines: &[Line],
    file: &Path,
) -> Result<(), Box<dyn std::error::Error>> {
    let body: i32 = lines.iter().map(Line::height).sum();
    let height = TOP + body + BOTTOM;
    let root = SVGBackend::new(file, (WIDTH, height as u32)).into_drawing_area();
    let ratios = lines.iter().filter_map(|line| match line {
        Line::Bar { ratio, .. } => Some(*ratio),
        Line::Heading(_) | Line::Gap => None,
    });
    let (least, most) = ratios.fold((0.9, 10.0), |(least, most): (f64, f64), ratio| {
        (least.min(ratio), most.max(ratio))
    });
    // Pixels are the coordinates; the scale is the only thing to work out.
    let scale: plotters::coord::combinators::LogCoord<f64> =
        (least * 0.95..most * 1.05).log_scale().into();
    let right = WIDTH as i32 - RIGHT;
    let x = |ratio: f64| scale.map(&ratio, (LEFT, right));

    let style = |size: i32, colour: RGBColor, h: HPos| {
        ("sans-serif", size)
            .into_font()
            .color(&colour)
            .pos(Pos::new(h, VPos::Center))
    };
    let bold = ("sans-serif", 15)
        .into_font()
        .style(FontStyle::Bold)
        .color(&TEXT)
        .pos(Pos::new(HPos::Left, VPos::Center));
    let title = "Wall time as a multiple of the same allocator alone (logarithmic)";
    root.draw(&Text::new(title, (8, 18), bold.clone()))?;

    let ticks = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];
    let ticks: Vec<f64> = ticks.into_iter().filter(|t| *t <= most * 1.05).collect();
    for tick in &ticks {
        let at = (x(*tick), TOP + body + 14);
        root.draw(&Text::new(
            format!("{tick}×"),
            at,
            style(13, TEXT, HPos::Center),
        ))?;
    }

    let mut top = TOP;
    for line in lines {
        let middle = top + line.height() / 2;
        // The scale's lines stand behind the bars, not behind the headings.
        if !matches!(line, Line::Heading(_)) {
            for tick in &ticks {
                let ends = [(x(*tick), top), (x(*tick), top + line.height())];
                let strength = if *tick == 1.0 { 0.9 } else { 0.3 };
                root.draw(&PathElement::new(ends, GRID.mix(strength)))?;
            }
        }
        match line {
            Line::Gap => {}
            Line::Heading(heading) => {
                root.draw(&Text::new(*heading, (8, middle + 4), bold.clone()))?;
            }
            Line::Bar {
                name,
                colour,
                ratio,
            } => {
                root.draw(&Text::new(
                    *name,
                    (LEFT - 10, middle),
                    style(13, TEXT, HPos::Right),
                ))?;
                let (from, to) = (x(ratio.min(1.0)), x(ratio.max(1.0)));
                let corners = [(from, middle - 6), (to, middle + 6)];
                root.draw(&Rectangle::new(corners, colour.filled()))?;
                let label = format!("{}×", short(*ratio));
                let at = (to + 6, middle);
                root.draw(&Text::new(label, at, style(13, TEXT, HPos::Left)))?;
            }
        }
        top += line.height();
    }
    let machine = &results.machine;
    let foot = format!(
        "{}, {} cores; median of {} rounds; heapscope {}, dhat-rs {}, jemalloc {}",
        machine.cpu,
        machine.cores,
        results.rounds,
        version(results, "heapscope"),
        version(results, "dhat"),
        version(results, "tikv-jemalloc-sys"),
    );
    let at = (8, height - 8);
    root.draw(&Text::new(foot, at, style(12, TEXT, HPos::Left)))?;
    root.present()?;
    Ok(())
}

fn version<'a>(results: &'a Results, name: &str) -> &'a str {
    let version = results.versions.get(name).map_or("", String::as_str);
    // `0.7.1+5.3.1-…`: what a binding wraps stands behind the plus.
    let wrapped = version
        .split_once('+')
        .map_or(version, |(_, wrapped)| wrapped);
    wrapped.split('-').next().unwrap_or(wrapped)
}
