//! A session that goes on in the next copy of the process.

use endler_reports::console::{HeapAlone, Session, parse};
use endler_reports::values::{Contents, FieldStep, NoValue};
use endler_snapshot::BlockId;

use crate::*;

#[test]
fn a_session_is_the_same_after_it_was_saved() {
    let (before, after) = (first(), second());
    let mut session = Session::new();
    session.add_heap(&before, None);
    ask(&mut session, "unused = heap()");
    session.add_heap(&after, None);
    for line in [
        "del unused",
        "x = heap()",
        "row = x.bysite[0]",
        "sum = x.count",
        "r = get_oldest('Page')",
        "o = oldest('Page')",
        "all = iter_all('Page')",
        "some = all_",
        "d = x.diff(row)",
        "text = prefs()",
        "h = hpy",
        "x.bytype[1:3]",
    ] {
        let line = line.replace("some = all_", "some = iter_all('Page')[1:]");
        let line = line.replace("all = iter", "every = iter");
        ask(&mut session, &line);
    }
    // The first heap is of no use any more.
    let images = session.images();
    assert_eq!(images.len(), 1);
    assert!(std::ptr::eq(images[0], &after));
    let saved = session.save();
    let mut again = Session::restore(images.clone(), &saved).unwrap();
    assert_eq!(again.save(), saved);
    assert_eq!(again.variables(), session.variables());
    again.add_heap(&after, None);
    for line in [
        "_", "_[0]", "x", "row", "sum", "r", "o", "every", "some", "d", "text", "h",
    ] {
        let (a, b) = (ask(&mut session, line), ask(&mut again, line));
        assert_eq!(a, b, "{line}");
        assert!(!a.is_empty());
    }
    // Damage is told, and never a panic.
    assert!(Session::restore(Vec::new(), &saved).is_err());
    assert!(Session::restore(vec![&before, &after], &saved).is_err());
    for end in 0..saved.len() {
        assert!(
            Session::restore(images.clone(), &saved[..end]).is_err(),
            "{end}"
        );
    }
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    for _ in 0..20_000 {
        let mut damaged = saved.clone();
        for _ in 0..3 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let at = (state >> 33) as usize % damaged.len();
            damaged[at] = (state >> 24) as u8;
        }
        if let Ok(mut session) = Session::restore(images.clone(), &damaged) {
            session.add_heap(&after, None);
            for line in ["_", "x", "row.more", "r", "every.all", "some[0]"] {
                let _ = session.run(&parse(line).unwrap(), &HeapAlone);
            }
        }
    }
}

/// Every value has every field; it is shown as the way to it.
struct Ways;

impl Contents for Ways {
    fn has(&self, _: BlockId, _: &[FieldStep]) -> Result<(), NoValue> {
        Ok(())
    }
    fn line(&self, block: BlockId, steps: &[FieldStep]) -> Result<String, NoValue> {
        Ok(format!("{} {steps:?}", block.0))
    }
    fn fields(&self, block: BlockId, steps: &[FieldStep]) -> Result<String, NoValue> {
        self.line(block, steps)
    }
    fn names(&self, _: BlockId, _: &[FieldStep]) -> Vec<String> {
        Vec::new()
    }
}

#[test]
fn ways_into_values_are_the_same_after_they_were_saved() {
    let image = first();
    let mut session = Session::new();
    session.add_heap(&image, Some(&Ways));
    ask(&mut session, "r = get_oldest('Page').url[-2].0['a \"b\"']");
    ask(&mut session, "each = iter_all('Page').headers['Host']");
    let saved = session.save();
    let mut again = Session::restore(session.images(), &saved).unwrap();
    assert_eq!(again.save(), saved);
    again.add_heap(&image, Some(&Ways));
    let way = r#"1 [Name("url"), Index(-2), Name("0"), Key("a \"b\"")]"#;
    let all =
        "     0 1 [Name(\"headers\"), Key(\"Host\")]\n     1 2 [Name(\"headers\"), Key(\"Host\")]";
    for session in [&mut session, &mut again] {
        assert_eq!(ask(session, "r"), way);
        assert_eq!(ask(session, "each"), all);
        assert_eq!(
            ask(session, "each[1]['x']"),
            r#"2 [Name("headers"), Key("Host"), Key("x")]"#
        );
    }
}
