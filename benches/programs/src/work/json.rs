//! serde_json parses one megabyte into values, from eight frames deep.

use std::hint::black_box;

/// How often the text is parsed.
pub(crate) const TIMES: u64 = 60;

/// The text: a list of 2,000 nested objects.
pub(crate) fn text() -> String {
    let mut text = String::from("[");
    for i in 0..2000 {
        let comma = if i > 0 { "," } else { "" };
        text.push_str(&format!(
            r#"{comma}{{"id":{i},"name":"name{i}","tags":["a","b","c{i}"],
               "nested":{{"x":{i}.5,"y":[1,2,3],"z":{{"k":"v"}}}}}}"#
        ));
    }
    text.push(']');
    text
}

/// Parses the text and drops its values, `times` times.
pub(crate) fn parse(text: &str, times: u64) {
    for _ in 0..times {
        black_box(below(8, text));
    }
}

#[inline(never)]
fn below(frames: u32, text: &str) -> usize {
    if frames > 0 {
        return black_box(below(frames - 1, text)) + 1;
    }
    let value: Result<serde_json::Value, _> = serde_json::from_str(text);
    value
        .ok()
        .and_then(|v| Some(v.as_array()?.len()))
        .unwrap_or(0)
}
