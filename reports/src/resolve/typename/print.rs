//! The printer: canonical text of a tree, over an explicit stack.

use super::{Node, NodeId, Segment, TypeName};

/// The std types that tables call by their short name: the holder table.
const SHORT: [(&str, &str); 15] = [
    ("alloc::boxed::Box", "Box"),
    ("alloc::rc::Rc", "Rc"),
    ("alloc::sync::Arc", "Arc"),
    ("alloc::vec::Vec", "Vec"),
    ("alloc::collections::vec_deque::VecDeque", "VecDeque"),
    ("alloc::collections::binary_heap::BinaryHeap", "BinaryHeap"),
    ("alloc::collections::linked_list::LinkedList", "LinkedList"),
    ("alloc::string::String", "String"),
    ("alloc::ffi::c_str::CString", "CString"),
    ("std::ffi::os_str::OsString", "OsString"),
    ("std::path::PathBuf", "PathBuf"),
    ("std::collections::hash::map::HashMap", "HashMap"),
    ("std::collections::hash::set::HashSet", "HashSet"),
    ("alloc::collections::btree::map::BTreeMap", "BTreeMap"),
    ("alloc::collections::btree::set::BTreeSet", "BTreeSet"),
];

/// What is still to be written, last first.
enum Todo<'t> {
    Text(&'t str),
    Type(NodeId),
}

pub(crate) fn print(name: &TypeName<'_>, id: NodeId) -> String {
    let mut out = String::new();
    let mut todo = vec![Todo::Type(id)];
    while let Some(next) = todo.pop() {
        match next {
            Todo::Text(text) => out.push_str(text),
            Todo::Type(id) => expand(name, id, &mut todo),
        }
    }
    out
}

/// Replaces a node by its parts.
fn expand<'t>(name: &'t TypeName<'_>, id: NodeId, todo: &mut Vec<Todo<'t>>) {
    let start = todo.len();
    match name.node(id) {
        None => {}
        Some(Node::Verbatim(text)) => todo.push(Todo::Text(text)),
        Some(Node::Prefix(prefix, of)) => {
            todo.push(Todo::Text(prefix));
            todo.push(Todo::Type(*of));
        }
        Some(Node::Slice(of)) => {
            todo.push(Todo::Text("["));
            todo.push(Todo::Type(*of));
            todo.push(Todo::Text("]"));
        }
        Some(Node::Array(of, length)) => {
            todo.push(Todo::Text("["));
            todo.push(Todo::Type(*of));
            todo.push(Todo::Text("; "));
            todo.push(Todo::Text(length));
            todo.push(Todo::Text("]"));
        }
        Some(Node::Tuple(members)) => {
            todo.push(Todo::Text("("));
            list(members, ", ", todo);
            todo.push(Todo::Text(if members.len() == 1 { ",)" } else { ")" }));
        }
        Some(Node::Function(words, params, result)) => {
            todo.push(Todo::Text(words));
            todo.push(Todo::Text("("));
            list(params, ", ", todo);
            todo.push(Todo::Text(")"));
            if let Some(result) = result {
                todo.push(Todo::Text(" -> "));
                todo.push(Todo::Type(*result));
            }
        }
        Some(Node::Dyn(bounds)) => {
            todo.push(Todo::Text("dyn "));
            list(bounds, " + ", todo);
        }
        Some(Node::Binding(name, of)) => {
            todo.push(Todo::Text(name));
            todo.push(Todo::Text("="));
            todo.push(Todo::Type(*of));
        }
        Some(Node::Path(segments)) => path(name, segments, todo),
    }
    if let Some(added) = todo.get_mut(start..) {
        added.reverse();
    }
}

fn list<'t>(items: &[NodeId], between: &'t str, todo: &mut Vec<Todo<'t>>) {
    for (i, &item) in items.iter().enumerate() {
        if i > 0 {
            todo.push(Todo::Text(between));
        }
        todo.push(Todo::Type(item));
    }
}

fn path<'t>(name: &TypeName<'_>, segments: &'t [Segment<'_>], todo: &mut Vec<Todo<'t>>) {
    // Nearly all names end otherwise: only those few are compared as a whole.
    let last = segments.last().map_or("", |s| s.name);
    let short = SHORT
        .iter()
        .find(|(path, short)| *short == last && same_path(segments, path));
    let shown = match (short, segments.split_last()) {
        (Some((_, short)), Some((last, _))) => {
            todo.push(Todo::Text(short));
            std::slice::from_ref(last)
        }
        _ => segments,
    };
    for (i, segment) in shown.iter().enumerate() {
        if short.is_none() {
            if i > 0 {
                todo.push(Todo::Text("::"));
            }
            todo.push(Todo::Text(segment.name));
        }
        let args = without_defaults(name, &segment.args);
        if !args.is_empty() {
            todo.push(Todo::Text("<"));
            list(args, ", ", todo);
            todo.push(Todo::Text(">"));
        }
    }
}

/// Whether the segments spell `path` and only the last has arguments.
fn same_path(segments: &[Segment<'_>], path: &str) -> bool {
    let mut names = path.split("::");
    let plain = segments
        .split_last()
        .is_some_and(|(_, before)| before.iter().all(|s| s.args.is_empty()));
    plain && segments.iter().all(|s| names.next() == Some(s.name)) && names.next().is_none()
}

/// The arguments without the default ones at their end.
fn without_defaults<'a>(name: &TypeName<'_>, args: &'a [NodeId]) -> &'a [NodeId] {
    let mut shown = args;
    // The first argument is what a container holds, never a default.
    while let [_, .., last] = shown
        && is_default(name, *last)
    {
        shown = shown.get(..shown.len() - 1).unwrap_or(&[]);
    }
    shown
}

/// The allocator `Global` of std or of a crate that stands in for it, std's
/// and hashbrown's default hasher.
pub(super) fn is_default(name: &TypeName<'_>, id: NodeId) -> bool {
    let Some(Node::Path(segments)) = name.node(id) else {
        return false;
    };
    match segments.split_last() {
        Some((last, before)) => match last.name {
            "Global" => before.iter().any(|s| s.name == "alloc"),
            "RandomState" => before
                .first()
                .is_some_and(|s| s.name == "std" || s.name == "foldhash"),
            "DefaultHashBuilder" => before.first().is_some_and(|s| s.name == "hashbrown"),
            _ => false,
        },
        None => false,
    }
}
