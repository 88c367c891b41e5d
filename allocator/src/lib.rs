//! The recording global allocator.
