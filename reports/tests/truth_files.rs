//! What is said when debug information is missing, elsewhere, compressed or
//! that of another build. Never an error: the tables come, and one warning
//! says what to set.

#[path = "truth/recorder.rs"]
mod recorder;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use endler_reports::resolve::{MainBinary, Options, resolve};
use endler_snapshot::{BlockId, DebugLevel, Evidence, Image};

#[global_allocator]
static HEAP: recorder::Recorder = recorder::Recorder;

#[derive(Clone)]
struct Page {
    _id: u64,
}

#[inline(never)]
fn page() -> Box<Page> {
    Box::new(Page {
        _id: std::hint::black_box(1),
    })
}

fn image() -> Image {
    recorder::image(&recorder::blocks_of(page))
}

/// Resolves; the name and evidence of the one block, the executable's level
/// and source, and the warnings.
fn resolved(
    image: &mut Image,
    options: &Options,
) -> (String, Evidence, DebugLevel, String, Vec<String>) {
    let warnings = resolve(image, options);
    image.check_invariants().unwrap();
    let resolution = image.resolution.as_ref().unwrap();
    let name = resolution
        .str(resolution.type_of(BlockId(0)).name)
        .to_owned();
    let info = &resolution.modules[0];
    let warnings = warnings.iter().map(ToString::to_string).collect();
    (
        name,
        resolution.block_evidence[0],
        info.level,
        info.source.clone(),
        warnings,
    )
}

/// A directory of this test's own, empty.
fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

/// A copy of this program that a binary tool has changed; none without the
/// tool.
fn copy(directory: &Path, tool: &str, arguments: &[&str]) -> Option<PathBuf> {
    let out = directory.join("crawl");
    let exe = std::env::current_exe().unwrap();
    let status = Command::new(tool)
        .args(arguments)
        .arg(exe)
        .arg(&out)
        .status()
        .ok()?;
    status.success().then_some(out)
}

fn one_warning_says_what_to_set(warnings: &[String]) {
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("debug = 2"), "{warnings:?}");
    assert!(warnings[0].contains("[profile.release]"), "{warnings:?}");
}

/// The block must have its type from another file than the recorded one.
fn finds_its_type(image: &mut Image, options: &Options) {
    let (name, evidence, _, _, warnings) = resolved(image, options);
    assert_eq!(name, "Box<truth_files::Page>");
    assert_eq!(evidence, Evidence::Stack);
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn a_missing_file() {
    let mut image = image();
    image.modules[0].path = "/nowhere/crawl".into();
    let (name, evidence, level, source, warnings) = resolved(&mut image, &Options::default());
    assert_eq!(name, "unknown in crawl");
    assert_eq!(evidence, Evidence::Unknown);
    assert_eq!(level, DebugLevel::Nothing);
    assert_eq!(source, "/nowhere/crawl was not found");
    one_warning_says_what_to_set(&warnings);
    assert!(warnings[0].contains("was not found"), "{warnings:?}");
    assert!(warnings[0].contains("--binary FILE"), "{warnings:?}");
}

#[test]
fn another_build() {
    let mut image = image();
    image.modules[0].build_id[0] ^= 1;
    let (name, evidence, level, source, warnings) = resolved(&mut image, &Options::default());
    assert!(name.starts_with("unknown in truth_files"), "{name}");
    assert_eq!(evidence, Evidence::Unknown);
    assert_eq!(level, DebugLevel::Nothing);
    // Both ids are told, and what to do; setting something would not help.
    let id = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let ran = image.modules[0].build_id.clone();
    let mut there = ran.clone();
    there[0] ^= 1;
    let path = &image.modules[0].path;
    let why = format!(
        "{path} is another build than the one that ran (its build id is {}, not {})",
        id(&there),
        id(&ran)
    );
    assert_eq!(source, why);
    assert_eq!(
        warnings,
        [format!(
            "{path}: no types, since {why}. Give the file that ran with --binary FILE, or its debug \
             file with --debug-dir DIR."
        )]
    );
}

#[test]
fn a_file_that_is_not_elf() {
    let mut image = image();
    image.modules[0].path = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml").into();
    let (name, ..) = resolved(&mut image, &Options::default());
    assert_eq!(name, "unknown in Cargo.toml");
}

#[test]
fn no_module_at_all() {
    let mut image = image();
    image.modules.clear();
    for frame in &mut image.frames {
        frame.module = None;
    }
    assert_eq!(resolve(&mut image, &Options::default()), []);
    image.check_invariants().unwrap();
}

#[test]
fn an_empty_image() {
    let mut image = recorder::image(&[]);
    assert_eq!(resolve(&mut image, &Options::default()), []);
    image.check_invariants().unwrap();
}

#[test]
fn a_stripped_file() {
    let Some(path) = copy(&directory("stripped"), "objcopy", &["--strip-all"]) else {
        return;
    };
    let mut image = image();
    image.modules[0].path = path.display().to_string();
    let (name, evidence, level, source, warnings) = resolved(&mut image, &Options::default());
    assert_eq!(name, "unknown in crawl");
    assert_eq!(evidence, Evidence::Unknown);
    assert_eq!(level, DebugLevel::Nothing);
    assert_eq!(source, path.display().to_string());
    one_warning_says_what_to_set(&warnings);
}

#[test]
fn symbols_alone_name_functions() {
    let Some(path) = copy(&directory("symbols"), "objcopy", &["--strip-debug"]) else {
        return;
    };
    let mut image = image();
    image.modules[0].path = path.display().to_string();
    let (name, evidence, level, _, warnings) = resolved(&mut image, &Options::default());
    // The recorder stands in the user's place; the profiler would not.
    assert!(name.starts_with("unknown in "), "{name}");
    assert_eq!(evidence, Evidence::Unknown);
    assert_eq!(level, DebugLevel::Symbols);
    one_warning_says_what_to_set(&warnings);
    let resolution = image.resolution.as_ref().unwrap();
    let named = |f: &&endler_snapshot::SourceLine| {
        resolution.str(f.function) == "truth_files::page" && f.line == 0
    };
    assert!(resolution.lines.iter().any(|l| named(&l)));
}

#[test]
fn the_binary_that_was_named() {
    let mut image = image();
    image.modules[0].path = "/nowhere/crawl".into();
    let options = Options {
        binary: Some(std::env::current_exe().unwrap()),
        ..Options::default()
    };
    finds_its_type(&mut image, &options);
}

#[test]
fn the_running_program() {
    let mut image = image();
    image.modules[0].path = "/nowhere/crawl (deleted)".into();
    image.process.exe.clone_from(&image.modules[0].path);
    let options = Options {
        main: MainBinary::RunningProcess,
        ..Options::default()
    };
    finds_its_type(&mut image, &options);
}

/// Where the debug file of a build lies below a directory; its folder is made.
fn place(root: &Path, build_id: &[u8]) -> PathBuf {
    let id: Vec<String> = build_id.iter().map(|b| format!("{b:02x}")).collect();
    let below = root.join(".build-id").join(&id[0]);
    fs::create_dir_all(&below).unwrap();
    below.join(format!("{}.debug", id[1..].concat()))
}

#[test]
fn a_debug_directory() {
    let mut image = image();
    image.modules[0].path = "/nowhere/crawl".into();
    let root = directory("debug");
    let file = place(&root, &image.modules[0].build_id);
    fs::copy(std::env::current_exe().unwrap(), &file).unwrap();
    let options = Options {
        debug_dirs: vec!["/nowhere".into(), root],
        ..Options::default()
    };
    finds_its_type(&mut image, &options);
    let resolution = image.resolution.as_ref().unwrap();
    assert_eq!(resolution.modules[0].source, file.display().to_string());
}

/// What distributions do: the program is stripped, and its debug information lies
/// in a file of its own that is found by build id.
#[test]
fn a_separate_debug_file() {
    let folder = directory("separate");
    let Some(stripped) = copy(&folder, "objcopy", &["--strip-all"]) else {
        println!("not run here: a separate debug file (there is no objcopy)");
        return;
    };
    let debug = copy(&directory("only-debug"), "objcopy", &["--only-keep-debug"]);
    let mut image = image();
    image.modules[0].path = stripped.display().to_string();
    let file = place(&folder, &image.modules[0].build_id);
    fs::rename(debug.unwrap(), &file).unwrap();
    let options = Options {
        debug_dirs: vec![folder],
        ..Options::default()
    };
    finds_its_type(&mut image, &options);
    let resolution = image.resolution.as_ref().unwrap();
    assert_eq!(resolution.modules[0].source, file.display().to_string());
    // Another program's debug file in that place is not believed.
    let bytes = fs::read(&file).unwrap();
    image.modules[0].build_id[19] ^= 1;
    fs::write(
        place(&options.debug_dirs[0], &image.modules[0].build_id),
        bytes,
    )
    .unwrap();
    let (name, _, level, source, _) = resolved(&mut image, &options);
    assert_eq!(name, "unknown in crawl");
    assert_eq!(level, DebugLevel::Nothing);
    assert!(source.contains("another build"), "{source}");
}

#[test]
fn compressed_sections() {
    for kind in ["zlib", "zstd"] {
        let option = format!("--compress-debug-sections={kind}");
        let Some(path) = copy(&directory(kind), "objcopy", &[&option]) else {
            continue;
        };
        let mut image = image();
        image.modules[0].path = path.display().to_string();
        finds_its_type(&mut image, &Options::default());
    }
}

#[test]
fn twice_the_same() {
    let mut one = image();
    let mut two = one.clone();
    resolve(&mut one, &Options::default());
    resolve(&mut two, &Options::default());
    assert_eq!(one, two);
}
