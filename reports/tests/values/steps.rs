//! Fields of fields.

use endler_reports::values::FieldStep;

use super::shapes::{Request, request};
use super::{block, image_of, is_described, says, with_own};

fn steps(text: &str) -> Vec<FieldStep> {
    let words = text.split_whitespace();
    words
        .map(|word| match word.strip_prefix('#') {
            Some(index) => FieldStep::Index(index.parse().unwrap()),
            None => FieldStep::Name(word.to_owned()),
        })
        .collect()
}

pub(crate) fn check() {
    let tree = says(
        "steps",
        || std::sync::Arc::new((request(), vec![Some(request()), None])),
        |_| String::new(),
    );
    let image = image_of(std::slice::from_ref(&tree));
    if !is_described(&image) {
        return;
    }
    let block = block(&image, &tree);
    with_own(&image, |contents| {
        let check = |path: &str, expect: &str| {
            let shown = contents.line(block, &steps(path));
            let shown = shown.unwrap_or_else(|no| no.message);
            assert_eq!(shown, expect, "{path}");
            let has = contents.has(block, &steps(path));
            assert_eq!(has.is_ok(), !expect.starts_with("th"), "{path}");
        };
        let Request { url, headers, .. } = request();
        check("0 url", &format!("{url:?}"));
        check("0 depth", "3");
        check("0 headers", &format!("{headers:?}"));
        check("0 headers #1", "(\"Host\", \"books.test\")");
        check("0 headers #1 0", "\"Host\"");
        check("0 headers #-1 1", "\"books.test\"");
        // Through `Some` and `Box`.
        check("0 referer url", "\"http://books.test/\"");
        check("0 referer 0 url", "\"http://books.test/\"");
        check("1 #0 priority", &i32::MIN.to_string());
        check("1 #1", "None");
        check("0 referer referer", "None");
        let fields = "there are url depth headers referer priority";
        let mut names: Vec<&str> = fields.split(' ').skip(2).collect();
        names.sort_unstable();
        let message = contents.line(block, &steps("0 uri")).unwrap_err().message;
        let mut told: Vec<&str> = message.split(' ').collect();
        assert_eq!(
            told.drain(..7).collect::<Vec<_>>().join(" "),
            "there is no field uri; there are"
        );
        told.sort_unstable();
        assert_eq!(told, names);
        check("0 headers #2", "there is no element 2; there are 2");
        check("0 headers #-3", "there is no element -3; there are 2");
        check("0 headers url", "these are 2 elements; [0] is the first");
        check(
            "0 #0",
            &format!(
                "this has no elements; {}",
                &message[message.find("there are").unwrap()..]
            ),
        );
        let lines = contents.fields(block, &steps("0")).unwrap();
        let mut lines: Vec<&str> = lines.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines.len(), 5);
        assert_eq!(lines[0], "depth: 3");
        assert_eq!(lines[4], format!("url: {url:?}"));
    });
}
