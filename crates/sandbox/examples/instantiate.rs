//! Prints how long instances of a component take to be created: `instantiate FILE.wasm`.

use pilotlight_sandbox::{InstanceOptions, LinkedComponent, MemorySlots, engine};
use wasmtime::component::Component;

const INSTANCES: usize = 10;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("name a component")?;
    let memories = MemorySlots::new();
    let engine = engine::serving(&memories)?;
    let component = Component::from_file(&engine, &file)?;
    let linked = LinkedComponent::new(&component, &file, &memories, &InstanceOptions::default())?;
    for _ in 0..INSTANCES {
        println!("{:?}", linked.instantiate().await?.made_in);
    }
    Ok(())
}
