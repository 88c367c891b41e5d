//! Values as text, as `{:?}` prints them.

use super::engine::{Engine, Place, Spot};
use super::see::Seen;
use super::walk::HOPS;

/// The most bytes of one value.
const LONGEST: usize = 64 << 10;
/// How deep structures are shown inside each other.
const DEPTH: usize = 4;
/// How deep values nest at all: a loop of `Some` and `Box` has no structure.
const NESTED: usize = 40;
/// The elements that are shown.
const SHOWN: std::ops::Range<u64> = 0..8;

struct Printer {
    out: String,
    is_cut: bool,
}

impl Printer {
    fn add(&mut self, text: &str) {
        if self.out.len() + text.len() > LONGEST {
            self.is_cut = true;
        } else if !self.is_cut {
            self.out.push_str(text);
        }
    }

    fn done(mut self) -> String {
        if self.is_cut {
            self.out.push_str(" … <cut at 64 KiB>");
        }
        self.out
    }
}

impl Engine<'_> {
    /// A value in one line.
    pub(super) fn line(&mut self, place: &Place) -> String {
        let mut printer = Printer {
            out: String::new(),
            is_cut: false,
        };
        let seen = self.see_place(place, &SHOWN);
        self.print(&mut printer, seen, 0, 0);
        printer.done()
    }

    /// A value; a structure with a line for each field.
    pub(super) fn fields(&mut self, place: &Place) -> String {
        let mut seen = self.see_place(place, &SHOWN);
        for _ in 0..HOPS {
            let Seen::Same(spot) = seen else {
                break;
            };
            seen = self.see(spot, &SHOWN);
        }
        let mut printer = Printer {
            out: String::new(),
            is_cut: false,
        };
        match seen {
            Seen::Struct {
                fields, is_tuple, ..
            } if !is_tuple && !fields.is_empty() => {
                for (at, (name, spot)) in fields.into_iter().enumerate() {
                    if at > 0 {
                        printer.add("\n");
                    }
                    printer.add(&name);
                    printer.add(": ");
                    let seen = self.see(spot, &SHOWN);
                    self.print(&mut printer, seen, 1, 1);
                }
            }
            seen => self.print(&mut printer, seen, 0, 0),
        }
        printer.done()
    }

    fn elements(
        &mut self,
        printer: &mut Printer,
        [open, close]: [&str; 2],
        items: Vec<Spot>,
        len: u64,
        depth: usize,
        nested: usize,
    ) {
        printer.add(open);
        let shown = items.len() as u64;
        for (at, spot) in items.into_iter().enumerate() {
            if at > 0 {
                printer.add(", ");
            }
            self.inner(printer, spot, depth, nested);
        }
        printer.add(&more(shown, len));
        printer.add(close);
    }

    fn inner(&mut self, printer: &mut Printer, spot: Spot, depth: usize, nested: usize) {
        if printer.is_cut {
            return;
        }
        let seen = self.see(spot, &SHOWN);
        self.print(printer, seen, depth, nested + 1);
    }

    fn print(&mut self, printer: &mut Printer, mut seen: Seen, depth: usize, nested: usize) {
        for _ in 0..HOPS {
            let Seen::Same(spot) = seen else {
                break;
            };
            seen = self.see(spot, &SHOWN);
        }
        if nested > NESTED {
            printer.add("…");
            return;
        }
        match seen {
            Seen::Text(text) => printer.add(&text),
            Seen::NotReadable => printer.add("<not readable>"),
            Seen::Bytes(size) => printer.add(&format!("<{size} bytes>")),
            Seen::Same(_) => printer.add("…"),
            Seen::Struct {
                name,
                fields,
                is_tuple,
            } => {
                printer.add(&name);
                if fields.is_empty() {
                    return;
                }
                // `Some(x)` is no deeper than x.
                let is_wrapper = is_tuple && fields.len() == 1;
                let depth = if is_wrapper { depth } else { depth + 1 };
                if depth > DEPTH {
                    printer.add(if is_tuple { "(…)" } else { " { … }" });
                    return;
                }
                let is_single = name.is_empty() && fields.len() == 1;
                printer.add(if is_tuple { "(" } else { " { " });
                for (at, (name, spot)) in fields.into_iter().enumerate() {
                    if at > 0 {
                        printer.add(", ");
                    }
                    if !is_tuple {
                        printer.add(&name);
                        printer.add(": ");
                    }
                    self.inner(printer, spot, depth, nested);
                }
                printer.add(match (is_tuple, is_single) {
                    (true, true) => ",)",
                    (true, false) => ")",
                    _ => " }",
                });
            }
            Seen::List { items, len } => {
                self.elements(printer, ["[", "]"], items, len, depth, nested);
            }
            Seen::Set { items, len } => {
                self.elements(printer, ["{", "}"], items, len, depth, nested);
            }
            Seen::Map { items, len } => {
                printer.add("{");
                let shown = items.len() as u64;
                for (at, (key, value)) in items.into_iter().enumerate() {
                    if at > 0 {
                        printer.add(", ");
                    }
                    self.inner(printer, key, depth, nested);
                    printer.add(": ");
                    self.inner(printer, value, depth, nested);
                }
                printer.add(&more(shown, len));
                printer.add("}");
            }
        }
    }
}

/// What is said of elements that are not shown.
fn more(shown: u64, len: u64) -> String {
    match len.saturating_sub(shown) {
        0 => String::new(),
        rest if shown == 0 => format!("… {rest}"),
        rest => format!(", … {rest} more"),
    }
}
