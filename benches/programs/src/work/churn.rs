//! Random ones of 100,000 live blocks of 16 to 271 bytes are replaced.

use std::hint::black_box;

/// How many blocks are replaced.
pub(crate) const TIMES: u64 = 4_000_000;

/// Replaces `times` blocks.
pub(crate) fn replace(times: u64) {
    let mut live: Vec<Vec<u8>> = vec![Vec::new(); 100_000];
    let mut random = 1u64;
    for _ in 0..times {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let at = (random >> 33) as usize % live.len();
        let size = 16 + ((random >> 20) & 255) as usize;
        live[at] = Vec::with_capacity(size);
    }
    black_box(&live);
}
