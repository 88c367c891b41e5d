//! Compiles the C code of the programs that mix Rust with C.

fn main() {
    println!("cargo::rerun-if-changed=c");
    cc::Build::new()
        .file("c/ring.c")
        .file("c/table.c")
        .compile("truth_c");
}
