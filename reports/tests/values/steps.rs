//! Fields of fields.

use endler_reports::values::FieldStep;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::shapes::{Request, request};
use super::{block, image_of, is_described, says, with_own};

fn steps(text: &str) -> Vec<FieldStep> {
    let words = text.split_whitespace();
    words
        .map(|word| match word.strip_prefix('#') {
            Some(index) => FieldStep::Index(index.parse().unwrap()),
            None => match word.strip_prefix('@') {
                Some(key) => FieldStep::Key(key.to_owned()),
                None => FieldStep::Name(word.to_owned()),
            },
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

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    New,
    Seen,
}

#[allow(
    dead_code,
    clippy::box_collection,
    reason = "read through its layout alone"
)]
struct Maps {
    sites: HashMap<String, Vec<Request>>,
    by_number: BTreeMap<i32, String>,
    by_letter: BTreeMap<char, u8>,
    by_state: BTreeMap<State, u8>,
    by_pair: BTreeMap<(u8, String), u8>,
    inside: Option<Box<HashMap<u64, HashMap<&'static str, u8>>>>,
    long: BTreeMap<String, u8>,
    empty: HashMap<String, u8>,
    texts: BTreeSet<String>,
}

fn maps() -> Maps {
    let site = |n: u32| format!("site-{n}.test");
    Maps {
        sites: (0..3000).map(|n| (site(n), vec![request()])).collect(),
        by_number: (-5..5).map(|n| (n, format!("number {n}"))).collect(),
        by_letter: BTreeMap::from([('a', 1), ('\'', 2)]),
        by_state: BTreeMap::from([(State::New, 1), (State::Seen, 2)]),
        by_pair: BTreeMap::from([((1, "one".to_owned()), 7)]),
        inside: Some(Box::new(HashMap::from([(
            900,
            HashMap::from([("deep", 9)]),
        )]))),
        long: BTreeMap::from([("x".repeat(300), 1)]),
        empty: HashMap::new(),
        texts: BTreeSet::from(["in a set".to_owned()]),
    }
}

/// Values of maps, by their keys.
pub(crate) fn keys() {
    let case = says("maps", maps, |_| String::new());
    let image = image_of(std::slice::from_ref(&case));
    if !is_described(&image) {
        return;
    }
    let block = block(&image, &case);
    with_own(&image, |contents| {
        let check = |path: &str, expect: &str| {
            let shown = contents.line(block, &steps(path));
            let shown = shown.unwrap_or_else(|no| no.message);
            assert_eq!(shown, expect, "{path}");
        };
        for n in [0, 7, 2999] {
            check(&format!("sites @site-{n}.test #0 depth"), "3");
        }
        for n in -5..5 {
            check(&format!("by_number #{n}"), &format!("\"number {n}\""));
        }
        check("by_number @3", "\"number 3\"");
        check("by_letter @a", "1");
        check("by_letter @'", "2");
        check("by_state @Seen", "2");
        let pair = [
            FieldStep::Name("by_pair".into()),
            FieldStep::Key("(1, \"one\")".into()),
        ];
        assert_eq!(contents.line(block, &pair), Ok("7".to_owned()));
        check("inside #900 @deep", "9");
        check("inside @900 @deep", "9");
        let missing = "there is no 'b'; there are '\\'', 'a'";
        check("by_letter @b", missing);
        check("by_state #1", "there is no 1; there are New, Seen");
        let more = "there is no 5; there are -5, -4, -3, -2, -1, 0, 1, 2, … 2 more";
        check("by_number #5", more);
        check("empty @x", "there is no 'x'; the map is empty");
        let cut = format!("there is no 'x'; there are \"{}…", "x".repeat(39));
        check("long @x", &cut);
        check(
            "sites first",
            "these are 3000 entries; ['key'] is the value of one",
        );
        let set = "these are 1 entries in no order; they have no numbers or names here";
        check("texts @in", set);
        check("by_number @3 @x", "\"number 3\" has no fields");
        let no_map = contents.line(block, &steps("@x")).unwrap_err().message;
        assert!(
            no_map.starts_with("this has no keys; there are "),
            "{no_map}"
        );
    });
}
