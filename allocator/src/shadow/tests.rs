//! The shadow against a map.

use std::collections::BTreeMap;

use super::*;

#[test]
fn the_shadow_is_a_map_from_addresses_to_slots() {
    let (shadow, mut twin) = (Box::new(Shadow::new()), BTreeMap::new());
    let mut random = 1u64;
    // Under Miri no snapshot is made: it reads whole leaves.
    let steps = if cfg!(miri) { 2_000 } else { 30_000u32 };
    for step in 0..steps {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let at = random >> 30;
        // Few leaves, since a snapshot reads each to its end, and few granules.
        let leaf = [0, 0, 0x2a_5a5a, (1 << 23) - 1][at as usize & 3] << LEAF_BITS;
        let granule = [at >> 2 & 31, LEAF_LEN as u64 - 1 - (at >> 2 & 31)][(at >> 7) as usize & 1];
        let plane = if at >> 8 & 3 == 0 { 8 } else { 0 };
        let addr = leaf | granule << GRANULE_BITS | plane;
        if at >> 14 & 1 == 0 {
            shadow.get_or_map(addr).expect("memory").set(step);
            twin.insert(addr, step);
        } else {
            let taken = shadow.get(addr).and_then(Entry::take);
            assert_eq!(taken, twin.remove(&addr), "{addr:#x}");
        }
        if step % 15_000 == 14_999 {
            let mut all = Vec::new();
            shadow.for_each(|addr, slot| all.push((addr, slot)));
            assert!(all.is_sorted_by_key(|(addr, _)| (addr & 15, *addr)));
            all.sort_unstable();
            assert_eq!(all, twin.clone().into_iter().collect::<Vec<_>>());
        }
    }
    assert!(twin.len() > 100, "{} live", twin.len());
    assert!(
        shadow.get_or_map(1 << ADDRESS_BITS).is_none(),
        "beyond the range"
    );
}
