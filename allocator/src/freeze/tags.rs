//! From the recorder's tags to the image's, and to its rows of threads.

use endler_snapshot::{Tag, TagId, Thread};
use hashbrown::{HashMap, HashSet};

use crate::hook::Recorder;
use crate::tags::TOO_MANY;

/// The tags so far. `threads` are the recorder's, by number: those that stand for a
/// thread under a tag get its name, and the tag.
///
/// A tag is open while a scope of it is on any thread, and while a future or a span
/// bears it. Of those that could not be told apart nobody knows: they are open.
pub(super) fn tags(recorder: &Recorder, threads: &mut [Thread]) -> Vec<Tag> {
    let in_scopes: HashSet<u16> = recorder
        .rows
        .iter()
        .flat_map(|row| row.scopes.tags())
        .collect();
    let mut ids: HashMap<u16, TagId> = HashMap::new();
    let mut tags: Vec<Tag> = Vec::new();
    let mut add = |tags: &mut Vec<Tag>, number: u16, tag: Tag| {
        let id = TagId(tags.len() as u16);
        ids.insert(number, id);
        tags.push(tag);
    };
    for listed in recorder.tags.list() {
        let open = listed.kept || in_scopes.contains(&listed.number);
        let name = listed.name;
        add(&mut tags, listed.number, Tag { name, open });
    }
    let pairs = (0..threads.len()).filter_map(|number| {
        let pair = recorder.threads.get(number as u16)?.pair()?;
        Some((number, pair))
    });
    let pairs: Vec<(usize, (u16, u16))> = pairs.collect();
    if pairs.iter().any(|(_, (_, tag))| *tag == TOO_MANY) {
        let name = "(later tags)".to_owned();
        add(&mut tags, TOO_MANY, Tag { name, open: true });
    }
    for (number, (own, tag)) in pairs {
        let Some(thread) = threads.get(usize::from(own)).cloned() else {
            continue;
        };
        if let Some(under) = threads.get_mut(number) {
            *under = Thread {
                stack_pointer: None,
                tag: ids.get(&tag).copied(),
                ..thread
            };
        }
    }
    tags
}
