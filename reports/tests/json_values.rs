//! Values as JSON: serde_json reads from each what was written.
#![allow(missing_docs)]

use endler_reports::json::{Object, Value};

fn read(value: impl Value) -> serde_json::Value {
    let mut out = Vec::new();
    let mut object = Object::new(&mut out).expect("memory takes all");
    object.field("a \"key\"", value).expect("memory takes all");
    object.end().expect("memory takes all");
    let text = String::from_utf8(out).expect("JSON is UTF-8");
    let read: serde_json::Value = serde_json::from_str(&text).expect(&text);
    read["a \"key\""].clone()
}

#[test]
fn texts_are_read_back() {
    for code in (0..0x3000).chain(0x1_f600..0x1_f610) {
        let Some(c) = char::from_u32(code) else {
            continue;
        };
        for text in [format!("{c}"), format!("before {c}{c}after")] {
            assert_eq!(read(text.as_str()), serde_json::json!(text), "{code:x}");
        }
    }
    assert_eq!(read(""), serde_json::json!(""));
}

#[test]
fn numbers_and_lists_are_read_back() {
    for number in [0, 1, i64::MAX, i64::MIN, -1] {
        assert_eq!(read(number), serde_json::json!(number));
    }
    assert_eq!(read(u64::MAX), serde_json::json!(u64::MAX));
    for number in [0.0, 1.0, -0.25, 0.1, 1.5e-9, 1e21, f64::MAX, 1234.567] {
        assert_eq!(read(number), serde_json::json!(number));
    }
    assert_eq!(read(f64::NAN), serde_json::json!(null));
    assert_eq!(read(None::<u64>), serde_json::json!(null));
    assert_eq!(read(Some(2)), serde_json::json!(2));
    assert_eq!(read(&["a", "b"] as &[&str]), serde_json::json!(["a", "b"]));
    assert_eq!(read(&[] as &[&str]), serde_json::json!([]));
}
