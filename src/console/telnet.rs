//! A port for `telnet` on loopback, and its password.
//!
//! ```text
//!  endler: telnet localhost 6023, password 5f0c…        once, on standard error
//!  Password: ****      not shown by a client that knows telnet's options
//!  three tries, a second after each wrong one, a minute in all
//! ```
//!
//! Anyone on the machine may connect, so everything before the password is bounded, and
//! a comparison takes as long for any text.

use std::fmt::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use super::connection::{Client, Gone, What};
use super::lines::{Event, HIDE, SHOW};
use super::system::{random, wait};
use crate::Error;

/// As Scrapy's console.
const PORTS: std::ops::RangeInclusive<u16> = 6023..=6073;
const TRIES: u32 = 3;
/// After each wrong one.
const PAUSE: Duration = Duration::from_secs(1);
/// For all tries together.
const TO_LOG_IN: Duration = Duration::from_secs(60);

/// 128 random bits, as text.
#[derive(Clone)]
pub(super) struct Password(String);

impl Password {
    fn new() -> Result<Self, Error> {
        let mut text = String::with_capacity(32);
        for byte in random().map_err(Error::Thread)? {
            let _ = write!(text, "{byte:02x}");
        }
        Ok(Password(text))
    }

    /// Whether it is this one; takes as long for any text of one length.
    fn is(&self, typed: &str) -> bool {
        let typed = typed.as_bytes();
        let mut differs = typed.len() ^ self.0.len();
        for (at, byte) in self.0.bytes().enumerate() {
            let other = typed.get(at).copied().unwrap_or(0);
            differs |= usize::from(byte ^ other);
            // Else the compiler may end the loop at the first that differs.
            differs = std::hint::black_box(differs);
        }
        differs == 0
    }
}

/// The port, and what opens it.
pub(super) struct Port {
    pub(super) listener: TcpListener,
    pub(super) number: u16,
    pub(super) password: Password,
}

impl Port {
    /// The first free port; says where, and what the password is.
    pub(super) fn open() -> Result<Self, Error> {
        let password = Password::new()?;
        let mut why = None;
        for number in PORTS {
            match TcpListener::bind((Ipv4Addr::LOCALHOST, number)) {
                Ok(listener) => {
                    listener.set_nonblocking(true).map_err(Error::Thread)?;
                    crate::process::tell(&format!(
                        "endler: telnet localhost {number}, password {}",
                        password.0
                    ));
                    return Ok(Port {
                        listener,
                        number,
                        password,
                    });
                }
                Err(cause) => why = Some(cause),
            }
        }
        let (from, to) = (PORTS.start(), PORTS.end());
        Err(Error::Console(format!(
            "no port of {from} to {to} is free on loopback{}",
            why.map_or_else(String::new, |cause| format!(" ({cause})"))
        )))
    }
}

/// Asks for the password; an error when the peer is to be sent away.
pub(super) fn log_in(client: &mut Client, password: &Password) -> Result<(), Gone> {
    let until = Instant::now() + TO_LOG_IN;
    for _ in 0..TRIES {
        client.send(&HIDE)?;
        client.send(b"Password: ")?;
        let typed = line(client, until)?;
        client.send(&SHOW)?;
        client.send(b"\r\n")?;
        if password.is(typed.trim()) {
            let text = "endler's console; help lists what can be asked";
            return client.tell(What::Notice, text);
        }
        // Not to be shortened by more input; but the console may end.
        let [_, stop] = client.waits_for();
        if wait([stop], Some(PAUSE))[0] != 0 {
            return Err(Gone);
        }
        client.tell(What::Failure, "Wrong.")?;
    }
    Err(Gone)
}

fn line(client: &mut Client, until: Instant) -> Result<String, Gone> {
    loop {
        match client.next()? {
            Some(Event::Line(line)) => return Ok(line),
            Some(Event::Interrupt { .. }) => return Err(Gone),
            // As wrong as any.
            Some(Event::TooLong | Event::NotText) => return Ok(String::new()),
            None => {}
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Gone);
        }
        let ready = wait(client.waits_for(), Some(left));
        client.take(ready)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_itself_alone() {
        let password = Password::new().expect("random");
        let text = password.0.clone();
        assert_eq!(text.len(), 32);
        assert!(password.is(&text));
        let mut other = text.clone();
        other.replace_range(31.., if text.ends_with('0') { "1" } else { "0" });
        for wrong in [
            "",
            &text[..31],
            &format!("{text}0"),
            &other,
            &"\0".repeat(32),
        ] {
            assert!(!password.is(wrong), "{wrong:?}");
        }
        assert_ne!(Password::new().expect("random").0, text);
    }
}
