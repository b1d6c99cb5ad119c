//! Link options of the component.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // C's allocator is shared by Rust, wasi-libc and the component's ABI: see src/heap.rs.
    if std::env::var("CARGO_CFG_TARGET_FAMILY").as_deref() == Ok("wasm") {
        println!("cargo:rustc-link-arg-cdylib=--wrap=free");
        println!("cargo:rustc-link-arg-cdylib=--wrap=realloc");
    }
}
