//! What is too much.

use endler_reports::console::{HeapAlone, MAX_ANSWER, MAX_VARIABLES, Session, parse};
use endler_snapshot::Image;

use crate::support::image;
use crate::*;

#[test]
fn what_is_too_much_says_so() {
    let image = first();
    let mut session = Session::new();
    session.add_heap(&image, None);
    for n in 0..MAX_VARIABLES {
        ask(&mut session, &format!("v{n} = heap"));
    }
    fails(
        &mut session,
        "one_more = heap",
        "one_more = heap\n^^^^^^^^\nthere are 64 variables already",
    );
    ask(&mut session, "v7 = heap[0]");
    assert_eq!(session.variables().len(), MAX_VARIABLES);
    for deep in ["(", "heap.diff(", "heap.by("] {
        let error = parse(&deep.repeat(1000)).unwrap_err().to_string();
        assert!(error.contains("too many brackets"), "{error}");
    }
    let error = parse(&"heap - ".repeat(1000)).unwrap_err().to_string();
    assert!(error.contains("more than 50 operators"), "{error}");
    let error = parse(&"x".repeat(10 << 20)).unwrap_err().to_string();
    assert!(error.contains("this is 10485760 bytes long"), "{error}");
    assert!(error.len() < 1000);
    let images: Vec<Image> = (0..9).map(|_| first()).collect();
    let mut session = Session::new();
    for (n, image) in images.iter().enumerate() {
        session.add_heap(image, None);
        let line = parse(&format!("x{n} = heap()")).unwrap();
        let answer = session.run(&line, &HeapAlone);
        assert_eq!(answer.is_ok(), n < 8, "{n}: {answer:?}");
    }
    assert_eq!(session.images().len(), 8);
}

#[test]
fn a_long_answer_is_cut() {
    let mut lines = String::new();
    for n in 0..30_000 {
        lines += &format!("8 Box<crawl::a_type_with_a_name_that_is_long::T{n}>\n");
    }
    let image = image(&lines);
    let mut session = Session::new();
    session.add_heap(&image, None);
    let all = ask(&mut session, "heap().all");
    assert!(all.len() <= MAX_ANSWER, "{}", all.len());
    assert!(all.len() > MAX_ANSWER - 1000, "{}", all.len());
    let last = all.lines().last().unwrap();
    assert!(
        last.starts_with("<cut: ") && last.ends_with("such as a row or a page>"),
        "{last}"
    );
    let objects = ask(&mut session, "iter_all('Box').all");
    assert!(objects.len() <= MAX_ANSWER, "{}", objects.len());
}
