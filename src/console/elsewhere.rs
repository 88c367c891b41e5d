//! Where nothing is recorded there is nothing to ask.

use super::Options;
use crate::Error;

/// Never made.
pub(super) enum Serving {}

impl Serving {
    pub(super) fn port(&self) -> Option<u16> {
        match *self {}
    }
}

pub(super) fn serve(_options: Options) -> Result<Serving, Error> {
    Err(Error::Freeze(endler_allocator::freeze::Error::Platform))
}
