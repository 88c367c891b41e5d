//! Numbers as the tables print them.

/// A percentage as printf's `%.0f` of `part * 100.0 / whole` prints it: a tie
/// goes to the even number. 0 of nothing is 0.
#[must_use]
pub fn percent(part: f64, whole: f64) -> String {
    if whole == 0.0 {
        "0".to_string()
    } else {
        format!("{:.0}", part * 100.0 / whole)
    }
}

/// printf's `%.3g`: three significant digits, an exponent below -4 or from 3
/// on, no trailing zeros.
#[must_use]
pub fn general(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}").to_lowercase();
    }
    let scientific = format!("{value:.2e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let short = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text.to_string(),
    };
    match exponent {
        -4..3 => short(&format!("{value:.*}", (2 - exponent) as usize)),
        _ => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{}e{sign}{:02}", short(mantissa), exponent.unsigned_abs())
        }
    }
}

/// `1,204,331`.
#[must_use]
pub fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `38.2 MiB`: one decimal in units of 1024; whole bytes below 1 KiB.
#[must_use]
pub fn bytes(value: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if value < 1024 {
        return format!("{value} B");
    }
    let mut amount = value as f64 / 1024.0;
    let mut unit = 0;
    // 1023.95 would print as 1024.0 of the smaller unit.
    while amount >= 1023.95 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    format!("{amount:.1} {}", UNITS[unit])
}

/// `1 block`, `1,204 blocks`.
#[must_use]
pub fn counted(count: u64, one: &str) -> String {
    format!(
        "{} {one}{}",
        thousands(count),
        if count == 1 { "" } else { "s" }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_round_ties_to_even() {
        let check = |part: u32, expect: &str| assert_eq!(percent(part.into(), 200.0), expect);
        check(1, "0");
        check(3, "2");
        check(5, "2");
        check(25, "12");
        check(200, "100");
        assert_eq!(percent(0.0, 0.0), "0");
    }

    #[test]
    fn general_is_printf_g() {
        let check = |value: f64, expect: &str| assert_eq!(general(value), expect);
        check(0.0, "0");
        check(2200.0, "2.2e+03");
        check(-82.0, "-82");
        check(-98.3, "-98.3");
        check(-4.08, "-4.08");
        check(999.4, "999");
        check(999.6, "1e+03");
        check(0.000_123_4, "0.000123");
        check(0.000_012_3, "1.23e-05");
        check(1e120, "1e+120");
    }

    #[test]
    fn amounts_at_sight() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(1_204_331), "1,204,331");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1024), "1.0 KiB");
        assert_eq!(bytes(1_048_575), "1.0 MiB");
        assert_eq!(counted(1, "block"), "1 block");
        assert_eq!(counted(0, "block"), "0 blocks");
    }
}
