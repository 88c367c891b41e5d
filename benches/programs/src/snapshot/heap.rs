//! Live blocks of 48 bytes of four types.

use std::sync::Arc;

/// How the tables name the four types.
pub(crate) const KINDS: [&str; 4] = [
    "Box<snapshot::heap::Order>",
    "Arc<snapshot::heap::Leg>",
    "Vec<u64>",
    "String",
];

/// 48 bytes.
pub(crate) struct Order {
    number: u64,
    words: [u64; 5],
}

/// 32 bytes; an `Arc` of it is a block of 48.
pub(crate) struct Leg {
    words: [u64; 4],
}

/// The blocks, in lists by type.
pub(crate) struct Heap {
    #[expect(clippy::vec_box, reason = "each order is to be a block of its own")]
    orders: Vec<Box<Order>>,
    legs: Vec<Arc<Leg>>,
    lists: Vec<Vec<u64>>,
    texts: Vec<String>,
}

impl Heap {
    /// Makes `blocks` blocks, a quarter of each type.
    pub(crate) fn new(blocks: usize) -> Self {
        let each = blocks / KINDS.len();
        let mut heap = Heap {
            orders: Vec::with_capacity(each),
            legs: Vec::with_capacity(each),
            lists: Vec::with_capacity(each),
            texts: Vec::with_capacity(each),
        };
        for number in 0..each as u64 {
            let words = [number; 5];
            heap.orders.push(Box::new(Order { number, words }));
            let words = [number; 4];
            heap.legs.push(Arc::new(Leg { words }));
            heap.lists.push(vec![number; 6]);
            heap.texts.push("x".repeat(48));
        }
        heap
    }

    /// Words to write to, one in about every page of the blocks.
    pub(crate) fn pages(&mut self) -> Vec<&mut u64> {
        // Four blocks of different types lie beside each other, of 64 bytes each.
        let step = 4096 / 64 / KINDS.len();
        let orders = self.orders.iter_mut().step_by(step);
        orders.map(|order| &mut order.number).collect()
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        let kept = self.orders.iter().map(|order| order.words[0]).max();
        let legs = self.legs.iter().map(|leg| leg.words[0]).max();
        let (lists, texts) = (self.lists.len(), self.texts.len());
        // Reads what was made, so that it had to be made.
        std::hint::black_box((kept, legs, lists, texts));
    }
}
