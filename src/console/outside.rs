//! Tracked objects for a session: looked up in the host, asked for in the copy.

use endler_reports::console::{Names, Outside, Statement, TrackedObject, TrackedType};
use endler_snapshot::{Addr, Bytes};

use super::frames::Request;
use crate::trackref;

/// So many objects of one line are looked at.
const OBJECTS: usize = 100_000;

/// The names of tracked types, which complete lines before there is a heap.
pub(super) fn names() -> Names {
    let table = trackref::live_refs();
    let types = table.rows().iter().map(|row| row.name.clone());
    Names {
        types: types.collect(),
        fields: Vec::new(),
    }
}

impl Request {
    /// What a line may ask of the host, as it is now.
    pub(super) fn new(line: &str, statement: &Statement) -> Self {
        let names = statement.tracked_names();
        let types = trackref::live_refs();
        let objects = names.iter().flat_map(|name| trackref::all_like(name));
        Request {
            line: line.to_owned(),
            types: types
                .rows()
                .iter()
                .map(|row| TrackedType {
                    name: row.name.clone(),
                    count: row.count,
                    oldest: row.oldest,
                })
                .collect(),
            objects: objects
                .take(OBJECTS)
                .map(|object| TrackedObject {
                    type_name: object.type_name().to_owned(),
                    address: Addr(object.address() as u64),
                    size: Bytes(object.size() as u64),
                })
                .collect(),
        }
    }
}

impl Outside for Request {
    fn tracked(&self) -> Vec<TrackedType> {
        self.types.clone()
    }

    fn tracked_objects(&self, _name: &str) -> Vec<TrackedObject> {
        self.objects.clone()
    }
}
