//! Prints the JSON Schema of `pilotlight.toml`, for `docs/pilotlight.schema.json`.

fn main() {
    print!("{}", pilotlight_config::schema());
}
