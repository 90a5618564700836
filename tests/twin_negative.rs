//! The comparison of twins finds a twin that is wrong.

use veda::__private::{ElementKernel, Kernel, KernelDesc};

#[veda::kernel]
fn square(x: f32) -> f32 {
    x * x
}

#[veda::kernel]
fn next(x: u32) -> u32 {
    x + 1
}

/// The WGSL of `square`, and a CPU twin that is off by one part in a thousand.
enum Off {}
impl Kernel for Off {
    const DESC: &'static KernelDesc = <square as Kernel>::DESC;
}
impl ElementKernel<(f32,)> for Off {
    type Output = f32;
    fn call((x,): (f32,)) -> f32 {
        x * x * 1.001
    }
}

/// The WGSL of `next`, and a CPU twin that is wrong for one input.
enum Rare {}
impl Kernel for Rare {
    const DESC: &'static KernelDesc = <next as Kernel>::DESC;
}
impl ElementKernel<(u32,)> for Rare {
    type Output = u32;
    fn call((x,): (u32,)) -> u32 {
        if x == u32::MAX { 1 } else { x + 1 }
    }
}

fn refused<K: ElementKernel<P>, P: veda::testing::Sample>(expected: &str) {
    let outcome = std::panic::catch_unwind(|| veda::testing::twin::<K, P>().run());
    match outcome {
        Ok(report) => assert!(report.skipped.is_some(), "a wrong twin passed: {report}"),
        Err(payload) => {
            let text = payload.downcast_ref::<String>().expect("a message");
            assert!(text.contains("the twins differ") && text.contains(expected), "{text}");
        }
    }
}

#[test]
fn a_relative_error_is_found() {
    refused::<Off, (f32,)>("square");
}

#[test]
fn an_edge_that_wraps_is_found() {
    refused::<Rare, (u32,)>("4294967295");
}
