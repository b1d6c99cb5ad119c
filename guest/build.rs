//! Link options of the component.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // C's allocator is shared by Rust, wasi-libc and the component's ABI: see src/heap.rs.
    if std::env::var("CARGO_CFG_TARGET_FAMILY").as_deref() == Ok("wasm") {
        println!("cargo:rustc-link-arg-cdylib=--wrap=free");
        println!("cargo:rustc-link-arg-cdylib=--wrap=realloc");
        // Calls and addresses take five bytes each otherwise; debug information relies on that.
        if std::env::var("DEBUG").as_deref() == Ok("false") {
            println!("cargo:rustc-link-arg-cdylib=--compress-relocations");
        }
    }
}
