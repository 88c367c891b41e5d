//! What this library links lets a program infer its types as before. A crate
//! that compares its own values with numbers, as serde_json does, would leave
//! two ways to understand these lines, and they would not compile. Met in the
//! tests of rayon and bytes. (The feature `json` is for the command alone.)
#![allow(missing_docs)]
#![cfg(not(feature = "json"))]

use endler_reports as _;

#[test]
fn types_are_inferred_as_without_this_library() {
    let numbers: Vec<i32> = Vec::new();
    assert_eq!(&numbers, &[]);
    let bytes: Vec<u8> = Vec::new();
    assert_eq!(&bytes, &[]);
    let sizes: Vec<f64> = Vec::new();
    assert_eq!(&sizes, &[]);
}
