//! Ten lines at a time, as Heapy shows its tables (`OutputHandling.py`).

/// A table that is shown in pages.
pub trait Listing {
    /// What stands above the first page.
    fn label(&self) -> String;
    /// The column headers; they stand above the rows of every page. Empty for none.
    fn header(&self) -> String;
    /// Number of rows.
    fn len(&self) -> usize;
    /// Whether there is no row.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// A row, which can take several lines.
    fn row(&self, index: usize) -> String;
}

/// Rows of a page.
pub const PAGE: usize = 10;

/// Which rows to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Page {
    /// The label and the first page.
    #[default]
    Top,
    /// The label and so many rows as a page.
    First(usize),
    /// The page that begins at this row, without the label.
    From(usize),
    /// The label and every row.
    All,
}

/// A page as text, without a trailing line feed.
#[must_use]
pub fn text(listing: &dyn Listing, page: Page) -> String {
    show(listing, page).0
}

/// A page as text, and the row at which the next page begins.
///
/// A single row that would be left over is shown with the page.
#[must_use]
pub fn show(listing: &dyn Listing, page: Page) -> (String, usize) {
    let len = listing.len();
    let (start, end) = range(len, page);
    let mut out = String::new();
    if !matches!(page, Page::From(_)) {
        out.push_str(&listing.label());
        out.push('\n');
    }
    if start >= len {
        out.truncate(out.trim_end().len());
        return (out, start);
    }
    let header = listing.header();
    if !header.is_empty() {
        out.push_str(&header);
        out.push('\n');
    }
    for row in start..end {
        out.push_str(&listing.row(row));
        out.push('\n');
    }
    if end < len {
        out.push_str(&format!(
            "<{} more rows. Type e.g. '_.more' to view.>",
            len - end
        ));
    }
    out.truncate(out.trim_end().len());
    (out, end)
}

/// The rows that a page of a table of `len` rows shows.
pub(crate) fn range(len: usize, page: Page) -> (usize, usize) {
    let (start, most) = match page {
        Page::Top => (0, PAGE),
        Page::First(rows) => (0, rows),
        Page::From(row) => (row, PAGE),
        Page::All => (0, usize::MAX),
    };
    let end = start.saturating_add(most).min(len);
    (start, if len - end == 1 { len } else { end })
}

/// The row at which the page after `page` begins, in a table of `len` rows.
#[must_use]
pub fn next(len: usize, page: Page) -> usize {
    range(len, page).1
}
