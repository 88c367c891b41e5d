//! The fuzz target's function on its own corpus, damaged the same way in each run: what
//! `tests/fuzz.sh` does with a fuzzer, without one. `ENDLER_FUZZ_ROUNDS` says how often.

#[path = "hostile_debug/counting.rs"]
mod counting;
#[path = "hostile_debug/reader.rs"]
#[allow(dead_code, reason = "names are not looked at")]
mod reader;

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};

use counting::counted;
use reader::{Random, image, read};

/// Seconds after which the process is killed, far more than it takes.
const ALARM: u32 = 900;
/// Bytes that one reading may take at the most. A file has less than 300,000.
const MOST_MEMORY: usize = 128 << 20;
/// Damaged files of each seed.
const ROUNDS: usize = 60;

fn corpus() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/resolve");
    let mut seeds: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    seeds.sort();
    assert!(seeds.len() >= 3, "{seeds:?}");
    seeds
}

/// One to a few small changes, as a fuzzer makes them.
fn mutate(bytes: &mut Vec<u8>, other: &[u8], random: &Random) {
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len() - 8);
        match random.below(8) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.below(256) as u8,
            2 => bytes[at..at + 4].fill([0, 0xff, 0x7f, 0x80][random.below(4)]),
            3 => bytes[at] = bytes[at].wrapping_add([1, 0xff][random.below(2)]),
            4 => {
                let value = [0, 1, 0xffff, u64::MAX, bytes.len() as u64][random.below(5)];
                bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
            }
            5 => {
                let length = random.below(64).min(bytes.len() - at);
                let from = random.below(bytes.len() - length);
                bytes.copy_within(from..from + length, at);
            }
            6 => {
                let length = random.below(64).min(bytes.len() - at).min(other.len());
                let from = random.below(other.len() - length);
                bytes[at..at + length].copy_from_slice(&other[from..from + length]);
            }
            // All that stands behind moves.
            _ => {
                let end = (at + 1 + random.below(4)).min(bytes.len());
                bytes.drain(at..end);
            }
        }
    }
}

#[test]
fn nothing_worse_than_less_known() {
    // SAFETY: it only sets a timer.
    unsafe { libc::alarm(ALARM) };
    let rounds = std::env::var("ENDLER_FUZZ_ROUNDS").map_or(ROUNDS, |n| n.parse().unwrap());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzzed");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("input");
    let seeds: Vec<Vec<u8>> = corpus().iter().map(|s| fs::read(s).unwrap()).collect();
    let random = Random(Cell::new(17));
    let (mut felt, mut read_at_all) = (0, 0);
    for seed in &seeds {
        fs::write(&path, seed).unwrap();
        let whole = read(&image(seed, &path).unwrap());
        assert!(whole.known > 50, "{} known", whole.known);
        for _ in 0..rounds {
            let mut bytes = seed.clone();
            mutate(&mut bytes, &seeds[random.below(seeds.len())], &random);
            fs::write(&path, &bytes).unwrap();
            if let Some(image) = image(&bytes, &path) {
                let (found, memory) = counted(|| read(&image));
                assert!(memory < MOST_MEMORY, "{memory} bytes");
                read_at_all += 1;
                felt += usize::from((found.known, found.edges) != (whole.known, whole.edges));
            }
        }
    }
    println!("{read_at_all} files were read, {felt} damages were felt");
    assert!(felt > rounds / 10, "{felt}");
}
