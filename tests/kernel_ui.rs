//! Everything that the kernel language lacks is one error on the user's token that says what to write instead.
#![allow(missing_docs)]

#[test]
fn rejections() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
