//! `ENDLER=exact,signal=USR1,dir=heap-dumps`: what `on_signal` does, without
//! code; `ENDLER=exact,fragmentation`: what `inner_statistics` does;
//! `ENDLER=exact,console`: what `console::serve` does. Read once, before `main`.

use std::path::PathBuf;

/// Runs before `main` in every program that links this library.
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = before_main;

extern "C" fn before_main() {
    let Ok(value) = std::env::var("ENDLER") else {
        return;
    };
    let _pause = endler_allocator::pause();
    if value.split(',').skip(1).any(|word| word == "fragmentation") {
        crate::inner::ask(crate::inner::automatic);
    }
    let asked = asked(&value);
    // Of a value that is refused nothing is done.
    if endler_allocator::mode() == Some(endler_allocator::Mode::Exact)
        && value.split(',').skip(1).any(|word| word == "console")
    {
        let mut options = crate::console::Options::new();
        let mut words = value.split(',').skip(1);
        if let Some(directory) = words.find_map(|word| word.strip_prefix("dir=")) {
            options = options.dump_into(directory);
        }
        match crate::console::serve(options) {
            Ok(console) => console.forever(),
            Err(why) => crate::signal::tell(&format!("endler: ENDLER={value}: {why}")),
        }
    }
    match asked {
        Ok(None) => {}
        Ok(Some((number, directory))) => {
            if let Err(why) = crate::signal::on_signal(number, directory) {
                crate::signal::tell(&format!("endler: ENDLER={value}: {why}"));
            }
        }
        Err(why) => crate::signal::tell(&format!("endler: ENDLER={value}: {why}")),
    }
}

/// The signal and the directory that the options after the mode ask for.
fn asked(value: &str) -> Result<Option<(i32, PathBuf)>, String> {
    let mut signal = None;
    let mut directory = PathBuf::from("heap-dumps");
    for option in value.split(',').skip(1) {
        match option.split_once('=') {
            Some(("signal", name)) => signal = Some(number(name)?),
            Some(("dir", path)) if !path.is_empty() => directory = PathBuf::from(path),
            None if option == "fragmentation" || option == "console" => {}
            // The allocator has refused the whole value already, in one line.
            _ => return Ok(None),
        }
    }
    Ok(signal.map(|signal| (signal, directory)))
}

fn number(name: &str) -> Result<i32, String> {
    let plain = name.strip_prefix("SIG").unwrap_or(name);
    Ok(match plain {
        "HUP" => libc::SIGHUP,
        "USR1" => libc::SIGUSR1,
        "USR2" => libc::SIGUSR2,
        "QUIT" => libc::SIGQUIT,
        "WINCH" => libc::SIGWINCH,
        _ => plain.parse().map_err(|_| {
            format!("`{name}` is no signal; give USR1, USR2, HUP, QUIT, WINCH or a number")
        })?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_are_read_as_documented() {
        let check = |value: &str, expect: Result<Option<(i32, &str)>, ()>| {
            let got = asked(value).map_err(|_| ());
            assert_eq!(
                got,
                expect.map(|o| o.map(|(s, d)| (s, PathBuf::from(d)))),
                "{value}"
            );
        };
        check("exact", Ok(None));
        check("exact,signal=USR1", Ok(Some((libc::SIGUSR1, "heap-dumps"))));
        check(
            "exact,signal=SIGUSR2,dir=dumps/here",
            Ok(Some((libc::SIGUSR2, "dumps/here"))),
        );
        check("exact,signal=40", Ok(Some((40, "heap-dumps"))));
        check(
            "exact,fragmentation,signal=USR1",
            Ok(Some((libc::SIGUSR1, "heap-dumps"))),
        );
        check("exact,fragmentation", Ok(None));
        check(
            "exact,console,signal=USR1",
            Ok(Some((libc::SIGUSR1, "heap-dumps"))),
        );
        check("exact,signal=FOO", Err(()));
        check("exact,signal=USR1,colour=blue", Ok(None));
        check("exact,signal=USR1,dir=", Ok(None));
    }
}
