//! The `.endler` file (being written).
