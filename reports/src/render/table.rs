//! The three tables of Heapy, to the letter (`Part.py`): a set's rows, a set's
//! blocks, and a difference. [`super::view`] fills them.

use super::number::{general, percent};
use super::page::Listing;
use super::wrap::wrap;
use std::borrow::Cow;

/// Where lines are broken.
pub const WIDTH: usize = 100;

/// Joins the numbers of a row with its name. Lines of the name keep their own
/// lines, below each other, and long ones are wrapped.
pub(super) fn with_name(numbers: &str, name: &str) -> String {
    with_name_within(WIDTH, numbers, name)
}

/// [`with_name`] for lines of `width`.
pub(super) fn with_name_within(width: usize, numbers: &str, name: &str) -> String {
    let indent = numbers.chars().count();
    let mut lines = name.split('\n');
    let first = format!("{numbers}{}", lines.next().unwrap_or(""));
    let mut out = wrap(&first, width, 0, indent);
    out.extend(lines.flat_map(|line| wrap(line, width, indent, indent)));
    out.join("\n")
}

pub(super) fn header(numbers: &str, name: &str) -> String {
    wrap(
        &format!("{numbers}{name}"),
        WIDTH,
        0,
        numbers.chars().count(),
    )
    .join("\n")
}

fn plural(count: i64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// A row of numbers and a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cells<'a> {
    /// Number of blocks; negative in a difference.
    pub count: i64,
    /// Their bytes.
    pub size: i64,
    /// Sizes of the rows up to and with this one.
    pub cumulative: i64,
    /// The age of the oldest, where the table has that column.
    pub oldest: Option<String>,
    /// The name, which may have several lines.
    pub name: Cow<'a, str>,
}

/// Where a table gets its rows from. They are asked for one by one.
pub trait Rows {
    /// Number of rows.
    fn len(&self) -> usize;
    /// Whether there is no row.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// A row below [`Rows::len`].
    fn cells(&self, index: usize) -> Cells<'_>;
}

/// `Partition of a set of N objects. …`
#[derive(Debug)]
pub struct SetTable<R> {
    /// Number of blocks of the whole set.
    pub count: i64,
    /// Their bytes.
    pub size: i64,
    /// The last column's header.
    pub kind_header: String,
    /// Whether rows have an `Oldest` column, which Heapy does not know.
    pub columns: Columns,
    /// The rows.
    pub rows: R,
}

/// Which columns a [`SetTable`] has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Columns {
    /// Heapy's.
    #[default]
    Heapy,
    /// Heapy's and the age of the oldest block.
    Oldest,
}

impl<R: Rows> Listing for SetTable<R> {
    fn label(&self) -> String {
        let (count, size) = (self.count, self.size);
        format!(
            "Partition of a set of {count} object{}. Total size = {size} bytes.",
            plural(count)
        )
    }

    fn header(&self) -> String {
        if self.count == 0 && self.size == 0 {
            return String::new();
        }
        let numbers = match self.columns {
            Columns::Heapy => " Index  Count   %     Size   % Cumulative  % ",
            Columns::Oldest => " Index  Count   %     Size   % Cumulative  %  Oldest ",
        };
        header(numbers, &self.kind_header)
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn row(&self, index: usize) -> String {
        let Cells {
            count,
            size,
            cumulative,
            oldest,
            name,
        } = self.rows.cells(index);
        let of_size = |part: i64| percent(part as f64, self.size as f64);
        let numbers = format!(
            "{index:>6} {count:>6} {:>3} {size:>8} {:>3} {cumulative:>9} {:>3} ",
            percent(count as f64, self.count as f64),
            of_size(size),
            of_size(cumulative),
        );
        match self.columns {
            Columns::Heapy => with_name(&numbers, &name),
            Columns::Oldest => with_name(
                &format!("{numbers}{:>7} ", oldest.unwrap_or_default()),
                &name,
            ),
        }
    }
}

/// `Set of N <KIND> objects. …`: one block a row.
#[derive(Debug)]
pub struct IdTable<R> {
    /// Number of blocks of the whole set.
    pub count: i64,
    /// Their bytes.
    pub size: i64,
    /// `<String>`, or `<mixed>`.
    pub kind_name: String,
    /// The last column's header.
    pub kind_header: String,
    /// The rows; their counts are not shown.
    pub rows: R,
}

impl<R: Rows> Listing for IdTable<R> {
    fn label(&self) -> String {
        let (count, size) = (self.count, self.size);
        format!(
            "Set of {count} {} object{}. Total size = {size} bytes.",
            self.kind_name,
            plural(count)
        )
    }

    fn header(&self) -> String {
        if self.count == 0 && self.size == 0 {
            return String::new();
        }
        header(" Index     Size   %   Cumulative  %   ", &self.kind_header)
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn row(&self, index: usize) -> String {
        let Cells {
            size,
            cumulative,
            name,
            ..
        } = self.rows.cells(index);
        let percent = |part: i64| match self.size {
            0 => 0.0,
            whole => part as f64 * 100.0 / whole as f64,
        };
        let numbers = format!(
            "{index:>6} {size:>8} {:>5.1} {cumulative:>9} {:>5.1} ",
            percent(size),
            percent(cumulative)
        );
        with_name(&numbers, &name)
    }
}

/// `Summary of difference operation (A-B). …`
#[derive(Debug)]
pub struct DiffTable<R> {
    /// What the two operands are called; Heapy says A and B.
    pub letters: [&'static str; 2],
    /// Sum of the rows' counts.
    pub count: i64,
    /// Sum of the rows' sizes.
    pub size: i64,
    /// Number of blocks of B.
    pub b_count: i64,
    /// Bytes of B.
    pub b_size: i64,
    /// The last column's header.
    pub kind_header: String,
    /// The rows.
    pub rows: R,
}

impl<R: Rows> DiffTable<R> {
    fn of_b(&self, size: i64) -> String {
        match self.b_size {
            0 => "   (n.a.)".to_string(),
            b => format!("{:>9}", general(size as f64 * 100.0 / b as f64)),
        }
    }
}

impl<R: Rows> Listing for DiffTable<R> {
    fn label(&self) -> String {
        let DiffTable {
            letters: [a, b],
            count,
            size,
            b_count,
            b_size,
            ..
        } = self;
        let mut out = format!(
            "Summary of difference operation ({a}-{b}).\n        Count     Size\n  \
             {a}    {:>6} {:>8}\n  {b}    {b_count:>6} {b_size:>8}\n  \
             {a}-{b}  {count:>6} {size:>8}  = {} % of {b}\n",
            count + b_count,
            size + b_size,
            self.of_b(*size),
        );
        if *count != 0 || *size != 0 {
            out.push_str("\nDifferences by kind, largest absolute size diffs first.");
        }
        out
    }

    fn header(&self) -> String {
        if self.count == 0 && self.size == 0 {
            return String::new();
        }
        let numbers = format!(
            " Index  Count     Size  Cumulative  % of {} ",
            self.letters[1]
        );
        header(&numbers, &self.kind_header)
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn row(&self, index: usize) -> String {
        let Cells {
            count,
            size,
            cumulative,
            name,
            ..
        } = self.rows.cells(index);
        let of_b = self.of_b(cumulative);
        with_name(
            &format!("{index:>6} {count:>6} {size:>8} {cumulative:>9} {of_b} "),
            &name,
        )
    }
}
