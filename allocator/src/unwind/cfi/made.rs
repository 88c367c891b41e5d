//! Tables made by hand: what they say, and that whatever a byte of them is turned
//! into, nothing panics and nothing outside the file is read. Touches no system call,
//! so Miri sees every read (`tests/model.sh`).

use super::super::objects::Object;
use super::*;

const LEN: usize = 512;
const FRAMES: usize = 64;
const CODE: usize = 256;
const CODE_LEN: usize = 64;

/// A file as it is mapped: `.eh_frame_hdr` at 0, `.eh_frame` at [`FRAMES`], and one
/// function at [`CODE`], whose bytes nobody reads.
struct Made {
    bytes: Box<[u8; LEN]>,
    /// Bytes that say something.
    used: Vec<usize>,
}

impl Made {
    fn new() -> Self {
        let mut made = Made {
            bytes: Box::new([0; LEN]),
            used: Vec::new(),
        };
        // Version; encodings: relative to the place, 4 bytes; 4 bytes; relative to the
        // header, 4 bytes. Then the section, one entry, its function and its FDE.
        made.put(0, &[1, 0x1b, 0x03, 0x3b]);
        made.word(4, FRAMES as i32 - 4);
        made.word(8, 1);
        made.word(12, CODE as i32);
        // CIE: version, "zR", code in bytes, data in -8, return address in 16, encoding
        // of addresses; def_cfa rsp+8; the return address at cfa-8.
        let cie = [
            1, b'z', b'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0,
        ];
        made.word(FRAMES, cie.len() as i32 + 4);
        made.word(FRAMES + 4, 0);
        made.put(FRAMES + 8, &cie);
        let fde = FRAMES + 8 + cie.len();
        made.word(16, fde as i32);
        // `push rbp` (1 byte): cfa is rsp+16, rbp at cfa-16; `mov rbp, rsp` (3 bytes):
        // cfa is rbp+16; 40 bytes on, `leave`: cfa is rsp+8.
        let steps = [
            0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0x02, 40, 0x0c, 7, 8, 0xc6, 0, 0,
        ];
        made.word(fde, 4 + 8 + 1 + steps.len() as i32);
        made.word(fde + 4, (fde + 4 - FRAMES) as i32);
        made.word(fde + 8, CODE as i32 - (fde as i32 + 8));
        made.word(fde + 12, CODE_LEN as i32);
        made.put(fde + 16, &[0]);
        made.put(fde + 17, &steps);
        made
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        self.used.extend(at..at + bytes.len());
    }

    fn word(&mut self, at: usize, value: i32) {
        self.put(at, &value.to_le_bytes());
    }

    fn object(&self) -> Object {
        let start = self.bytes.as_ptr().expose_provenance() as u64;
        Object::of(start..start + LEN as u64, start)
    }

    /// The rule of a byte of the function.
    fn rule(&self, at: usize) -> Rule {
        let object = self.object();
        rule(object.eh_frame_hdr + (CODE + at) as u64, &object)
    }
}

#[test]
fn each_step_of_a_made_function_has_its_rule() {
    let made = Made::new();
    let entered = Rule::Sp {
        offset: 8,
        saved: 0,
    };
    let pushed = Rule::Sp {
        offset: 16,
        saved: 16,
    };
    let framed = Rule::Bp {
        offset: 16,
        saved: 16,
    };
    for (at, expect) in [
        (0, entered),
        (1, pushed),
        (3, pushed),
        (4, framed),
        (43, framed),
        (44, entered),
        (CODE_LEN - 1, entered),
        (CODE_LEN, Rule::Stuck),
    ] {
        assert_eq!(made.rule(at), expect, "at byte {at}");
    }
}

#[test]
fn whatever_a_byte_is_turned_into_nothing_else_is_read() {
    let mut made = Made::new();
    // Every value is 256 times as much; under Miri some that turn lengths, signs and
    // operations around.
    let values: Vec<u8> = if cfg!(miri) {
        vec![0, 1, 0x3f, 0x7f, 0x80, 0xff]
    } else {
        (0..=u8::MAX).collect()
    };
    let (mut rules, mut stuck) = (0, 0);
    for at in made.used.clone() {
        let before = made.bytes[at];
        for value in &values {
            made.bytes[at] = *value;
            for byte in [0, 2, 20, 50] {
                match made.rule(byte) {
                    Rule::Stuck => stuck += 1,
                    _ => rules += 1,
                }
            }
        }
        made.bytes[at] = before;
    }
    assert!(rules > 100 && stuck > 100, "{rules} rules, {stuck} stuck");
}
