//! The image of the program with the default model, under `runc`.

use pilotlight_tests::component;

use crate::runc::{Image, Start, runc};

#[test]
fn the_image_serves_the_default_model_from_a_root_that_cannot_be_written_to() {
    let Some(runc) = runc() else { return };
    let image = Image::of_component(&component());
    let start = Start { arguments: image.arguments(), ..Start::default() };
    let running = image.run(&runc, start);
    let answer = running.server.post("/v1/redact", r#"{"text": "Mail to ada@example.com."}"#);
    assert_eq!((answer.status, answer.json()["text"].as_str()), (200, Some("Mail to [EMAIL].")));
}
