//! Reading a section's unpacked bytes, and numbers of variable length.

/// Why the bytes of a section are not what its columns need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bad(pub(super) &'static str);

/// The unpacked bytes of one section, read front to back.
pub(super) struct Plain<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Plain<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Plain { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, Bad> {
        let byte = *self
            .bytes
            .get(self.at)
            .ok_or(Bad("its columns end too early"))?;
        self.at += 1;
        Ok(byte)
    }

    pub(super) fn slice(&mut self, len: u64) -> Result<&'a [u8], Bad> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let slice = usize::try_from(len)
            .ok()
            .and_then(|len| rest.get(..len))
            .ok_or(Bad("a text is longer than what is left"))?;
        self.at += slice.len();
        Ok(slice)
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, Bad> {
        let first = self.byte()?;
        if first < 0x80 {
            Ok(u64::from(first))
        } else {
            self.long_varint(first)
        }
    }

    fn long_varint(&mut self, first: u8) -> Result<u64, Bad> {
        let mut value = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            // The tenth byte has room for the 64th bit alone.
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Bad("a number is longer than 64 bits"))
    }

    pub(super) fn varint32(&mut self) -> Result<u32, Bad> {
        u32::try_from(self.varint()?).map_err(|_| Bad("a number does not fit in 32 bits"))
    }

    /// Nothing may be left when the columns were read.
    pub(super) fn expect_end(&self) -> Result<(), Bad> {
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            Err(Bad("bytes are left after its columns"))
        }
    }
}

/// Appends `value` as LEB128: seven bits a byte, lowest first, the high bit set
/// on all but the last.
#[inline]
pub(super) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    if value < 0x80 {
        out.push(value as u8);
        return;
    }
    let mut bytes = [0u8; 10];
    let mut used = 0;
    for byte in &mut bytes {
        used += 1;
        if value < 0x80 {
            *byte = value as u8;
            break;
        }
        *byte = value as u8 | 0x80;
        value >>= 7;
    }
    out.extend_from_slice(&bytes[..used]);
}

/// Small numbers of either sign to small numbers: 0 -1 1 -2 … to 0 1 2 3 ….
pub(super) const fn zigzag(difference: u64) -> u64 {
    (difference << 1) ^ (((difference as i64) >> 63) as u64)
}

/// Undoes [`zigzag`].
pub(super) const fn unzigzag(value: u64) -> u64 {
    (value >> 1) ^ (value & 1).wrapping_neg()
}
