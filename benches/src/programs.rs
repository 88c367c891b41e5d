//! Builds the programs and runs them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::contenders::Build;

/// Where the programs are.
pub(crate) struct Programs {
    /// The target directory that this driver was built in.
    target: PathBuf,
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

impl Programs {
    /// The folder of this driver says where others are built.
    pub(crate) fn new() -> Result<Self, String> {
        let own = std::env::current_exe().map_err(|e| e.to_string())?;
        let target = own.ancestors().nth(2).ok_or("no target directory")?;
        Ok(Programs {
            target: target.to_path_buf(),
        })
    }

    /// Builds what [`crate::contenders`] lists, and the snapshot's program.
    pub(crate) fn build(&self) -> Result<(), String> {
        self.programs(
            Build::Plain,
            &["--bins", "--features", "dhat,jemalloc,mimalloc,snapshot"],
        )?;
        self.programs(
            Build::JemallocProfiling,
            &[
                "--bin",
                "jemalloc_profiling",
                "--features",
                "jemalloc-profiling",
            ],
        )?;
        // heapscope asks for a compiler newer than it needs.
        let args = ["--bins", "--features", "heapscope", "--ignore-rust-version"];
        self.programs(Build::FramePointers, &args)
    }

    fn programs(&self, build: Build, args: &[&str]) -> Result<(), String> {
        let mut cargo = cargo();
        cargo
            .args(["build", "--release", "--locked", "--quiet"])
            .arg("--manifest-path")
            .arg(root().join("benches/programs/Cargo.toml"))
            .arg("--target-dir")
            .arg(self.directory(build))
            .args(args);
        if build == Build::FramePointers {
            let own = std::env::var("RUSTFLAGS").unwrap_or_default();
            cargo.env("RUSTFLAGS", format!("{own} -C force-frame-pointers=yes"));
        }
        succeed(cargo)
    }

    fn directory(&self, build: Build) -> PathBuf {
        self.target.join(match build {
            Build::Plain | Build::JemallocProfiling => "endler-benches",
            Build::FramePointers => "endler-benches-frame-pointers",
        })
    }

    /// A program of `benches/programs`.
    pub(crate) fn path(&self, build: Build, name: &str) -> PathBuf {
        self.directory(build).join("release").join(name)
    }

    /// An empty folder for what programs write.
    pub(crate) fn scratch(&self) -> Result<PathBuf, String> {
        let folder = self.directory(Build::Plain).join("scratch");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        Ok(folder)
    }

    /// Builds examples of `reports/examples`; their paths in the order of the names.
    pub(crate) fn reports<const N: usize>(&self, names: [&str; N]) -> Result<[PathBuf; N], String> {
        let mut cargo = cargo();
        cargo
            .args(["build", "--release", "--quiet", "-p", "endler-reports"])
            .args(names.iter().flat_map(|name| ["--example", name]))
            .arg("--manifest-path")
            .arg(root().join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&self.target);
        succeed(cargo)?;
        Ok(names.map(|name| self.target.join("release/examples").join(name)))
    }

    /// Builds the example `crawl` as it is, and with the system allocator in
    /// endler's place; their paths in this order.
    pub(crate) fn crawls(&self) -> Result<[PathBuf; 2], String> {
        let build = |extra: &[&str], name: &str| {
            let mut cargo = cargo();
            cargo
                .args(["rustc", "--release", "--quiet", "--example", "crawl"])
                .arg("--manifest-path")
                .arg(root().join("Cargo.toml"))
                .arg("--target-dir")
                .arg(&self.target)
                .arg("--")
                .args(extra);
            succeed(cargo)?;
            // The next build puts its program in the same place.
            let built = self.target.join("release/examples/crawl");
            let kept = self.directory(Build::Plain).join("release").join(name);
            std::fs::copy(&built, &kept).map_err(|e| format!("{}: {e}", built.display()))?;
            Ok::<_, String>(kept)
        };
        let alone = build(&["--cfg", "crawl_alone"], "crawl_alone")?;
        Ok([build(&[], "crawl")?, alone])
    }
}

fn succeed(mut command: Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?}: {status}")),
        Err(why) => Err(format!("{command:?}: {why}")),
    }
}

/// Runs a program and gives what it printed.
pub(crate) fn output<A: AsRef<OsStr>>(
    program: &Path,
    args: &[A],
    environment: Option<(&str, &str)>,
) -> Result<String, String> {
    let mut command = Command::new(program);
    // What the caller's environment says of these is not meant for the programs.
    command.env_remove("ENDLER").env_remove("_RJEM_MALLOC_CONF");
    let output = command
        .args(args)
        .envs(environment)
        .output()
        .map_err(|e| format!("{}: {e}", program.display()))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{command:?}: {}: {errors}", output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a program that prints one number.
pub(crate) fn figure<A: AsRef<OsStr>>(
    program: &Path,
    args: &[A],
    environment: Option<(&str, &str)>,
) -> Result<f64, String> {
    let text = output(program, args, environment)?;
    text.trim()
        .parse()
        .map_err(|_| format!("{} printed no figure: {text}", program.display()))
}
