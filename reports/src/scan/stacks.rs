//! The frames of threads' stacks.

use endler_snapshot::{Image, Memory};

use super::ThreadSpan;
use super::raw::Piece;
use super::roots::RootKind;
use crate::layout::files::Source;

pub(super) fn pieces(
    _image: &Image,
    _memory: &dyn Memory,
    _sources: &[Source<'_>],
    threads: &[ThreadSpan],
) -> Vec<Piece> {
    threads
        .iter()
        .map(|span| Piece {
            from: span.stack_pointer.0,
            until: span.stack_end.0,
            name: "stack".to_owned(),
            kind: RootKind::Stack,
            thread: Some(span.thread),
        })
        .collect()
}
