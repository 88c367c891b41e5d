//! What is asked and answered.

use endler::console::client::{Client, Said, Want};

use crate::host::*;
use crate::process::*;

#[test]
fn variables_outlive_the_copy_that_they_were_made_in() {
    if is_host() {
        return;
    }
    let mut host = Host::new("sessions::variables_outlive_the_copy_that_they_were_made_in");
    let mut client = host.client();
    assert_eq!(answer(&mut client, "x = hpy.heap()"), "");
    let first = host.copy();
    let before = answer(&mut client, "x");
    assert!(before.contains("Box<console::host::Page>"), "{before}");
    assert_eq!(host.copy(), first, "one copy answers several lines");
    host.tell("more");
    assert_eq!(answer(&mut client, "x"), before, "the heap is of its time");
    let after = answer(&mut client, "y = hpy.heap()");
    assert_eq!(after, "");
    assert_ne!(host.copy(), first, "a new heap is a new copy");
    assert_eq!(answer(&mut client, "x"), before);
    let grown = answer(&mut client, "(y - x).bytype[0]");
    assert!(grown.contains("50"), "{grown}");
    // Another connection has its own.
    let mut other = host.client();
    let unknown = failure(&mut other, "x");
    assert!(unknown.contains('^'), "it points at the column: {unknown}");
    drop((client, other));
    host.wait_for_no_copy();
    host.end();
}

#[test]
fn tracked_objects_of_the_process_are_in_the_tables() {
    if is_host() {
        return;
    }
    let host = Host::new("sessions::tracked_objects_of_the_process_are_in_the_tables");
    let mut client = host.client();
    let table = answer(&mut client, "prefs()");
    assert!(table.starts_with("Live References\n"), "{table}");
    let tracked = table.lines().find(|line| line.contains("Spider"));
    assert!(tracked.is_some_and(|line| line.contains("  1 ")), "{table}");
    let name = answer(&mut client, "get_oldest('Spider').name");
    assert!(name.contains("books"), "{name}");
    let url = answer(&mut client, "get_oldest('Page').url");
    assert!(url.contains("http://books.test/"), "{url}");
    host.end();
}

/// A row of trackref's table: `%-30s %6d   oldest: %ds ago`, and where it is from.
fn row(name: &str, count: u64, seconds: u64, from: &str) -> String {
    let mut row = String::from(name);
    row += &" ".repeat(30usize.saturating_sub(name.len()));
    let digits = count.to_string();
    row += &" ".repeat(1 + 6usize.saturating_sub(digits.len()));
    row + &digits + "   oldest: " + &seconds.to_string() + "s ago" + from
}

/// The seconds of a row.
fn seconds(row: &str) -> u64 {
    let (_, behind) = row.split_once("   oldest: ").expect(row);
    let (seconds, _) = behind.split_once("s ago").expect(row);
    seconds.parse().expect(row)
}

#[test]
fn tables_of_a_real_process_are_heapys_and_trackrefs_to_the_letter() {
    if is_host() {
        return;
    }
    let began = std::time::Instant::now();
    let mut host =
        Host::new("sessions::tables_of_a_real_process_are_heapys_and_trackrefs_to_the_letter");
    let mut client = host.client();
    let table = answer(&mut client, "prefs()");
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("Live References"));
    assert_eq!(lines.next(), Some(""));
    let rows: Vec<&str> = lines.collect();
    let most = began.elapsed().as_secs() + 1;
    for (name, count, from) in [("Box<Page>", 100, "   heap"), ("Spider", 1, "")] {
        let found = rows.iter().find(|row| row.split("  ").next() == Some(name));
        let found = *found.unwrap_or_else(|| panic!("no {name}: {table}"));
        assert_eq!(found, row(name, count, seconds(found), from));
        assert!(seconds(found) <= most, "{found}, after {most} s");
    }
    // What else is alive here nobody but the process knows; its rows are as these.
    for one in &rows {
        let name = one.get(..30).map_or(*one, str::trim_end);
        let from = if one.ends_with("   heap") {
            "   heap"
        } else {
            ""
        };
        let count = one
            .split("   oldest: ")
            .next()
            .and_then(|row| row.rsplit(' ').next());
        let count = count.and_then(|n| n.parse().ok());
        if name.len() < 30 {
            assert_eq!(*one, row(name, count.expect(one), seconds(one), from));
        }
    }
    assert!(rows.is_sorted(), "{table}");

    let pages = answer(&mut client, "hpy.heap() & iter_all('console::host::Page')");
    let expect = "\
Partition of a set of 100 objects. Total size = 3200 bytes.
 Index  Count   %     Size   % Cumulative  % Type
     0    100 100     3200 100      3200 100 Box<console::host::Page>";
    assert_eq!(pages, expect);
    answer(&mut client, "x = hpy.heap()");
    host.tell("more");
    answer(&mut client, "y = hpy.heap()");
    let newer = answer(&mut client, "(y - x) & iter_all('console::host::Page')");
    let expect = "\
Partition of a set of 50 objects. Total size = 1600 bytes.
 Index  Count   %     Size   % Cumulative  % Type
     0     50 100     1600 100      1600 100 Box<console::host::Page>";
    assert_eq!(newer, expect);
    let fields = answer(&mut client, "get_oldest('console::host::Page')");
    let (head, values) = fields.split_once('\n').expect("fields");
    assert!(head.starts_with("Box<console::host::Page> at 0x"), "{head}");
    assert!(head.contains(", 32 bytes, "), "{head}");
    assert_eq!(values, "  url: \"http://books.test/0\"\n  number: 0");
    host.end();
}

#[test]
fn five_heaps_are_too_many() {
    if is_host() {
        return;
    }
    let host = Host::new("sessions::five_heaps_are_too_many");
    let mut client = host.client();
    for name in ["a", "b", "c", "d", "e"] {
        answer(&mut client, &format!("{name} = hpy.heap()"));
    }
    let why = failure(&mut client, "f = hpy.heap()");
    assert!(why.contains("4 heaps"), "{why}");
    answer(&mut client, "del a");
    answer(&mut client, "f = hpy.heap()");
    assert!(answer(&mut client, "b").contains("Page"));
    host.end();
}

#[test]
fn what_the_host_does_is_done_there() {
    if is_host() {
        return;
    }
    let folder = Folder::new("console-dump");
    let dumps = folder.path().join("dumps");
    let into = [("DUMP_INTO", dumps.to_str().expect("text"))];
    let host = Host::with("sessions::what_the_host_does_is_done_there", &into);
    let mut client = host.client();
    answer(&mut client, "phase('later')");
    let said = answer(&mut client, "dump(\"here\")");
    assert!(said.contains("objects") && said.contains("held"), "{said}");
    let to = folder.path().join("dumps/here.endler");
    let image = endler::reports::load(&to).expect("a whole snapshot");
    assert_eq!(image.process.pid, host.pid());
    assert_eq!(image.phases[image.process.phase.index()].name, "later");
    let said = answer(&mut client, "dump()");
    assert!(said.contains(".txt"), "{said}");
    assert_eq!(names(&folder.path().join("dumps")).len(), 3);
    host.end();
}

#[test]
fn a_dump_goes_where_dumps_go_and_nowhere_else() {
    if is_host() {
        return;
    }
    let folder = Folder::new("console-reach");
    let dumps = folder.path().join("dumps");
    let into = [("DUMP_INTO", dumps.to_str().expect("text"))];
    let test = "sessions::a_dump_goes_where_dumps_go_and_nowhere_else";
    let host = Host::with(test, &into);
    let mut client = host.client();
    let path = folder.path().join("x");
    let path = path.to_str().expect("text");
    let why = failure(&mut client, &format!("dump('{path}')"));
    let mark = format!("\n      {}\n", "^".repeat(path.len()));
    assert!(why.contains(&mark), "it points at the path: {why}");
    assert!(why.contains("endler dump PID -o FILE"), "{why}");
    for name in ["../x", "dumps/x", ".x", "..", ""] {
        failure(&mut client, &format!("dump('{name}')"));
    }
    assert!(!dumps.exists(), "nothing was written");
    assert_eq!(names(folder.path()), [""; 0]);
    // `endler dump -o` says what it wants in its first line.
    let (mut other, _) = Client::connect_with(host.pid(), &[Want::Paths]).expect("a console");
    answer(&mut other, &format!("dump('{path}')"));
    assert_eq!(names(folder.path()), ["x"]);
    // Later it is a line as any.
    assert!(failure(&mut client, "!with paths").contains('^'));
    failure(&mut client, &format!("dump('{path}')"));
    host.end();
    let anywhere = Host::with(test, &[into[0], ("DUMP_ANYWHERE", "yes")]);
    let mut client = anywhere.client();
    answer(&mut client, &format!("dump('{path}2')"));
    assert_eq!(names(folder.path()), ["x", "x2"]);
    let why = failure(&mut client, "dump('/proc/no/such')");
    assert!(why.contains("/proc/no/such"), "{why}");
    anywhere.end();
}

#[test]
fn without_being_asked_no_value_leaves_the_process() {
    if is_host() {
        return;
    }
    let host = Host::new("sessions::without_being_asked_no_value_leaves_the_process");
    let mut client = Client::connect(host.pid()).expect("a console");
    let line = "(values are not written to a file: --with-values)";
    let why = failure(&mut client, "get_oldest('Page').url");
    assert!(why.ends_with(line) && why.contains("^^^"), "{why}");
    let whole = answer(&mut client, "oldest('Page')");
    assert!(
        whole.contains(&format!("\n  {line}\n\nAllocated in\n")),
        "{whole}"
    );
    let all = answer(&mut client, "iter_all('Page')");
    assert!(all.contains("Page> at ") && all.ends_with(line), "{all}");
    let all = answer(&mut client, "iter_all('Page')[0:3].bysite");
    assert!(!all.contains(line), "{all}");
    for text in [&whole, &all, &why] {
        assert!(!text.contains("books.test"), "{text}");
    }
    // Nobody else is kept from them.
    let url = answer(&mut host.client(), "get_oldest('Page').url");
    assert!(url.contains("books.test"), "{url}");
    host.end();
}

#[test]
fn who_wants_names_is_given_those_of_types_and_fields() {
    if is_host() {
        return;
    }
    let host = Host::new("sessions::who_wants_names_is_given_those_of_types_and_fields");
    let wants = [Want::Values, Want::Names];
    let (mut client, first) = Client::connect_with(host.pid(), &wants).expect("a console");
    // Of tracked objects the host knows without a heap.
    assert!(
        first.types.iter().any(|t| t.ends_with("::Spider")),
        "{first:?}"
    );
    let mut given = |line: &str| {
        let said = client.ask(line).expect("an answer");
        let mut given = said.into_iter().filter_map(|one| match one {
            Said::Names(names) => Some(names),
            _ => None,
        });
        let names = given.next();
        assert_eq!(given.next(), None, "{line}");
        names
    };
    let names = given("x = hpy.heap()").expect("names");
    let has = |name: &str| names.types.iter().any(|t| t == name);
    assert!(
        has("console::host::Page") && has("Box<console::host::Page>"),
        "{names:?}"
    );
    assert!(names.fields.is_empty(), "{names:?}");
    let names = given("r = get_oldest('Page')").expect("names");
    let fields = names.fields.iter().find(|(place, _)| place == "r");
    assert_eq!(fields.expect("of r").1, ["url", "number"]);
    assert_eq!(given("help"), None);
    host.end();
}

#[test]
fn a_copy_that_nobody_asks_ends_and_the_next_line_makes_another() {
    if is_host() {
        return;
    }
    let test = "sessions::a_copy_that_nobody_asks_ends_and_the_next_line_makes_another";
    let host = Host::with(test, &[("COPY_LIVES", "300")]);
    let mut client = host.client();
    answer(&mut client, "x = hpy.heap()");
    let told = client.read().expect("a notice");
    assert!(
        matches!(&told, Said::Notice(text) if text.contains("given back")),
        "{told:?}"
    );
    host.wait_for_no_copy();
    // The variable is of the heap before, which is still known.
    assert!(answer(&mut client, "x").contains("Page"));
    host.copy();
    host.end();
}

#[test]
fn times_may_be_longer_than_any_clock() {
    if is_host() {
        return;
    }
    let test = "sessions::times_may_be_longer_than_any_clock";
    let host = Host::with(test, &[("FOR_EVER", "yes")]);
    let mut client = host.client();
    answer(&mut client, "x = hpy.heap()");
    let copy = host.copy();
    assert!(answer(&mut client, "x").contains("Page"));
    assert_eq!(host.copy(), copy);
    assert!(answer(&mut client, "prefs()").contains("Page"));
    drop(client);
    host.wait_for_no_copy();
    host.end();
}

#[test]
fn the_environment_alone_gives_a_console() {
    if role().is_some() {
        let kept = vec![1u8; 1000];
        println!("ready");
        let _ = std::io::stdin().lines().next();
        return drop(kept);
    }
    let folder = Folder::new("console-environment");
    let mut command = again("sessions::the_environment_alone_gives_a_console", "program");
    command
        .env("ENDLER", "exact,console")
        .env("XDG_RUNTIME_DIR", folder.path())
        .stdin(std::process::Stdio::piped());
    let mut child = start(&mut command);
    let mut out = std::io::BufReader::new(child.stdout.take().expect("piped"));
    line_with(&mut out, "ready");
    let mut client = Client::connect(child.id()).expect("a console");
    assert!(answer(&mut client, "help").contains("heap"));
    drop(child.stdin.take());
    assert!(child.wait().expect("ends").success());
}
