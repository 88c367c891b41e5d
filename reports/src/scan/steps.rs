//! One program over the bytes of one value.

use super::edges::{GUESS, Kind};
use super::program::{Header, Inside, Op};
use super::run::{Context, Item, Scanner};

/// The number of `size` bytes at `at`.
pub(super) fn number(bytes: &[u8], at: u64, size: u64) -> Option<u64> {
    let from = usize::try_from(at).ok()?;
    let len = usize::try_from(size).ok().filter(|&s| s <= 8)?;
    let part = bytes.get(from..from.checked_add(len)?)?;
    let mut word = [0; 8];
    word.get_mut(..len)?.copy_from_slice(part);
    Some(u64::from_le_bytes(word))
}

pub(super) fn word(bytes: &[u8], at: u64) -> Option<u64> {
    let from = usize::try_from(at).ok()?;
    let part = bytes.get(from..from.checked_add(8)?)?;
    Some(u64::from_le_bytes(part.try_into().ok()?))
}

/// The size of a block with a header and so many bytes behind it.
pub(super) fn with_counts(at: u64, bytes: u64) -> Option<u64> {
    at.checked_add(bytes)?.checked_next_multiple_of(8)
}

impl Scanner<'_, '_> {
    /// Runs steps over `bytes`, where the value begins at `base`. Steps nest as
    /// deep as types are written, so this recursion is short.
    pub(super) fn steps(&mut self, ops: &[Op], bytes: &[u8], base: u64, context: &Context) {
        for op in ops {
            // What does not lie inside the value is passed over.
            let _ = self.step(op, bytes, base, context);
        }
    }

    fn step(&mut self, op: &Op, bytes: &[u8], base: u64, context: &Context) -> Option<()> {
        let read = |at: u64| word(bytes, base.checked_add(at)?);
        match op {
            Op::Owner {
                at,
                to,
                kind,
                named,
                elsewhere,
            } => {
                let address = read(*at)?;
                let label = self.name(*named, context)?;
                let Inside::One { whole, .. } = self.book.get(*to)?.key.inside else {
                    return None;
                };
                match self.heap.begins(address) {
                    Some(block) if self.heap.size(block) == whole => {
                        self.hold(context, *kind, item(block, *to, label, 1));
                    }
                    None if *elsewhere && self.heap.find(address).is_none() => {
                        self.beyond(context, *kind, address, *to, label);
                    }
                    _ => self.doubtful(context, address, label, *kind),
                }
            }
            Op::Loose {
                at,
                to_size,
                lends,
                kind,
                named,
            } => {
                let address = read(*at)?;
                let block = self.heap.find(address)?;
                let label = self.name(*named, context)?;
                let is_whole =
                    self.heap.start(block) == address && self.heap.size(block) == *to_size;
                // A raw pointer may outlive its block, in whose place another may lie.
                let fits = match kind {
                    Kind::Raw if *to_size > 1 => is_whole,
                    Kind::Raw => true,
                    _ => self.has_room(block, address, *to_size),
                };
                self.edge(context, block, label, *kind, if fits { 0 } else { GUESS });
                if *lends && is_whole {
                    self.lend(context, block, label, 1);
                }
            }
            Op::Slice {
                at,
                length,
                element,
                to,
                kind,
                named,
            } => {
                let (address, count) = (read(*at)?, read(*length)?);
                let label = self.name(*named, context)?;
                let size = count.checked_mul(*element);
                let Some(to) = *to else {
                    if count == 0 || *element == 0 {
                        return None;
                    }
                    let block = self.heap.find(address)?;
                    let fits = size.is_some_and(|size| self.has_room(block, address, size));
                    self.edge(context, block, label, *kind, if fits { 0 } else { GUESS });
                    if fits && self.heap.start(block) == address {
                        self.lend(context, block, label, count);
                    }
                    return Some(());
                };
                let whole = match self.book.get(to)?.key.inside {
                    Inside::Many {
                        at,
                        header: Header::Counts,
                    } => size.and_then(|size| with_counts(at, size)),
                    _ if count == 0 => return None,
                    _ => size,
                };
                match self.heap.begins(address) {
                    Some(block) if Some(self.heap.size(block)) == whole => {
                        self.fill(context, block, to, count, None);
                        self.hold(context, *kind, item(block, to, label, count));
                    }
                    _ => self.doubtful(context, address, label, *kind),
                }
            }
            Op::Dyn {
                at,
                vtable,
                header,
                kind,
                named,
                holder,
            } => {
                let (address, table) = (read(*at)?, read(*vtable)?);
                let label = self.name(*named, context)?;
                if !matches!(kind, Kind::Own | Kind::Shared | Kind::Weak) {
                    let block = self.heap.find(address)?;
                    self.edge(context, block, label, *kind, 0);
                    return Some(());
                }
                let concrete =
                    self.vtables
                        .get(&mut self.book, self.memory, table, *header, *holder);
                let block = self.heap.begins(address);
                match (block, concrete) {
                    (Some(block), Some(concrete)) if self.heap.size(block) == concrete.whole => {
                        match concrete.form {
                            Some(to) => self.hold(context, *kind, item(block, to, label, 1)),
                            None => self.edge(context, block, label, *kind, 0),
                        }
                    }
                    _ => self.doubtful(context, address, label, *kind),
                }
            }
            Op::Sequence {
                pointer,
                capacity,
                length,
                to,
                named,
            } => {
                let (address, capacity, length) =
                    (read(*pointer)?, read(*capacity)?, read(*length)?);
                if capacity == 0 {
                    return None;
                }
                let label = self.name(*named, context)?;
                let size = self.book.get(*to)?.size;
                match self.heap.begins(address) {
                    Some(block)
                        if length <= capacity
                            && capacity.checked_mul(size) == Some(self.heap.size(block)) =>
                    {
                        let unused = (capacity - length) * size;
                        self.fill(context, block, *to, length, Some(unused));
                        self.hold(context, Kind::Own, item(block, *to, label, length));
                    }
                    _ => self.doubtful(context, address, label, Kind::Own),
                }
            }
            Op::Ring {
                pointer,
                capacity,
                head,
                length,
                to,
                named,
            } => {
                let (address, capacity) = (read(*pointer)?, read(*capacity)?);
                let (head, length) = (read(*head)?, read(*length)?);
                if capacity == 0 {
                    return None;
                }
                let label = self.name(*named, context)?;
                let size = self.book.get(*to)?.size;
                match self.heap.begins(address) {
                    Some(block)
                        if length <= capacity
                            && head < capacity
                            && capacity.checked_mul(size) == Some(self.heap.size(block)) =>
                    {
                        let unused = (capacity - length) * size;
                        self.fill(context, block, *to, length, Some(unused));
                        let item = Item {
                            from: head,
                            ..item(block, *to, label, length)
                        };
                        self.hold(context, Kind::Own, item);
                    }
                    _ => self.doubtful(context, address, label, Kind::Own),
                }
            }
            Op::Rest {
                buffer,
                capacity,
                from,
                until,
                to,
                named,
            } => {
                let (address, capacity) = (read(*buffer)?, read(*capacity)?);
                let (from, until) = (read(*from)?, read(*until)?);
                if capacity == 0 {
                    return None;
                }
                let label = self.name(*named, context)?;
                let size = self.book.get(*to)?.size.max(1);
                let whole = capacity.checked_mul(size);
                let begin = from.checked_sub(address).filter(|d| d.is_multiple_of(size));
                let count = until.checked_sub(from).filter(|d| d.is_multiple_of(size));
                match (self.heap.begins(address), begin, count) {
                    (Some(block), Some(begin), Some(count))
                        if whole == Some(self.heap.size(block))
                            && until.checked_sub(address) <= whole =>
                    {
                        let item = Item {
                            from: begin / size,
                            ..item(block, *to, label, count / size)
                        };
                        self.hold(context, Kind::Own, item);
                    }
                    _ => self.doubtful(context, address, label, Kind::Own),
                }
            }
            Op::Table {
                control,
                mask,
                items,
                to,
                named,
            } => {
                let (control, mask) = (read(*control)?, read(*mask)?);
                let items = items.and_then(read);
                let label = self.name(*named, context)?;
                let size = self.book.get(*to)?.size;
                let found = mask.checked_add(1).and_then(|buckets| {
                    let (data, whole) = super::nodes::table_size(buckets, size)?;
                    let block = self.heap.begins(control.checked_sub(data)?)?;
                    (self.heap.size(block) == whole).then_some((block, buckets))
                });
                match found {
                    Some((block, buckets)) => {
                        let room = super::nodes::table_room(buckets);
                        if let Some(items) = items.filter(|&items| items <= room) {
                            self.fill(context, block, *to, items, Some((room - items) * size));
                        }
                        self.hold(context, Kind::Own, item(block, *to, label, buckets));
                    }
                    None => self.doubtful(context, control, label, Kind::Own),
                }
            }
            Op::Node {
                at,
                to,
                kind,
                named,
            } => {
                let address = read(*at)?;
                let label = self.name(*named, context)?;
                self.node(address, *to, *kind, label, context);
            }
            Op::Switch {
                at,
                size,
                cases,
                otherwise,
            } => {
                let value = number(bytes, base.checked_add(*at)?, *size)?;
                let mask = match size {
                    8.. => u64::MAX,
                    _ => (1 << (8 * size)) - 1,
                };
                let case = cases.iter().find(|(v, _)| v & mask == value);
                let body = case.map(|(_, body)| body).or(otherwise.as_ref())?;
                self.steps(body, bytes, base, context);
            }
            Op::Repeat {
                at,
                stride,
                count,
                length,
                body,
            } => {
                let there = match length {
                    Some((at, size)) => {
                        let length = number(bytes, base.checked_add(*at)?, *size)?;
                        // More than there is room for: none can be told.
                        if length > *count {
                            return None;
                        }
                        length
                    }
                    None => *count,
                };
                let mut from = base.checked_add(*at)?;
                for _ in 0..there {
                    if from >= bytes.len() as u64 {
                        break;
                    }
                    self.steps(body, bytes, from, context);
                    from = from.checked_add((*stride).max(1))?;
                }
            }
            Op::Above {
                at,
                limit,
                then,
                otherwise,
            } => {
                let body = if read(*at)? > *limit { then } else { otherwise };
                self.steps(body, bytes, base, context);
            }
            Op::Tagged {
                data,
                pointer,
                length,
                to,
                named,
                otherwise,
            } => {
                let (data, from, length) = (read(*data)?, read(*pointer)?, read(*length)?);
                let owned = match data & 1 {
                    1 => self.heap.begins(data - 1),
                    _ => None,
                };
                let end = owned.map(|b| self.heap.start(b).saturating_add(self.heap.size(b)));
                match owned {
                    Some(block) if from >= data - 1 && from.checked_add(length) == end => {
                        let label = self.name(*named, context)?;
                        let whole = self.heap.size(block);
                        self.hold(context, Kind::Own, item(block, *to, label, whole));
                    }
                    _ => {
                        self.steps(otherwise, bytes, base, context);
                        // What handles share names its bytes after one of them.
                        let shared = self.heap.begins(data)?;
                        let label = self.name(*named, context)?;
                        self.edge(context, shared, label, Kind::Shared, 0);
                        self.lend(context, shared, label, 1);
                    }
                }
            }
            Op::Guess { body } => {
                let context = Context {
                    guess: GUESS,
                    ..*context
                };
                self.steps(body, bytes, base, &context);
            }
            Op::Words { at, len } => {
                if context.always {
                    let from = base.checked_add(*at)?;
                    self.words(bytes, from, from.checked_add(*len)?, 0, context);
                }
            }
        }
        Some(())
    }

    /// Whether a block has so many bytes from an address on.
    fn has_room(&self, block: u32, address: u64, room: u64) -> bool {
        let behind = address.wrapping_sub(self.heap.start(block));
        behind
            .checked_add(room)
            .is_some_and(|end| end <= self.heap.size(block))
    }

    /// Every word between two offsets.
    pub(super) fn words(
        &mut self,
        bytes: &[u8],
        from: u64,
        until: u64,
        label: u32,
        context: &Context,
    ) {
        let from = usize::try_from(from.next_multiple_of(8)).unwrap_or(usize::MAX);
        let until = usize::try_from(until)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let Some(part) = bytes.get(from..until) else {
            return;
        };
        let mut due = 0;
        for (at, word) in (0..).step_by(8).zip(part.chunks_exact(8)) {
            if at >= due && at + 8 < part.len() {
                due = self.look_into(part, at);
            }
            let Ok(word) = word.try_into() else {
                continue;
            };
            let address = u64::from_le_bytes(word);
            if let Some(block) = self.heap.find(address) {
                self.edge(context, block, label, Kind::Word, GUESS);
            }
        }
    }
}

pub(super) fn item(block: u32, form: super::program::FormIx, label: u32, count: u64) -> Item {
    Item {
        block,
        form,
        label,
        count,
        from: 0,
        guess: 0,
    }
}
