//! From a frozen heap to tables.
