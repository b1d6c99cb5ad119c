//! Prints the OpenAPI document of all routes, for `src/dialects/pages/openapi.json`.

fn main() {
    print!("{}", pilotlight_guest::dialects::document());
}
