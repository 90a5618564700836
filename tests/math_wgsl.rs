//! The WGSL of every function of `veda::math` passes validation.

use std::collections::HashMap;
use veda::__private::{Kernel, KernelDesc};
use veda::math;
use veda_kernels_ir::codec::decode;
use veda_kernels_ir::cost;
use veda_kernels_ir::link::{Linked, Unit, link};
use veda_kernels_ir::wgsl::{Options, Root, print};

/// Adds `desc` and what it calls to `units`; returns its index.
fn collect(desc: &'static KernelDesc, units: &mut Vec<Unit>, known: &mut HashMap<*const KernelDesc, usize>) -> usize {
    if let Some(&index) = known.get(&std::ptr::from_ref(desc)) {
        return index;
    }
    let deps = desc.deps.iter().map(|dep| collect(dep(), units, known)).collect();
    let function = decode(desc.ir).unwrap_or_else(|e| panic!("{}: {e}", desc.path));
    let consts = desc.consts.iter().map(|value| value()).collect();
    units.push(Unit { name: desc.name.into(), key: desc.hash, function, deps, consts, captures: vec![] });
    known.insert(desc, units.len() - 1);
    units.len() - 1
}

fn linked(desc: &'static KernelDesc) -> (Linked, usize) {
    let mut units = Vec::new();
    let root = collect(desc, &mut units, &mut HashMap::new());
    (link(units).unwrap_or_else(|e| panic!("{}: {e}", desc.path)), root)
}

macro_rules! descriptors {
    ($($name:ident),*) => { [$(<math::$name as Kernel>::DESC),*] };
}

#[test]
fn every_function_is_valid_wgsl() {
    let all = descriptors!(
        exp, exp2, exp_m1, ln, log2, log10, ln_1p, log, sin, cos, tan, asin, acos, atan, atan2, sinh, cosh, tanh,
        asinh, acosh, atanh, powf, cbrt, hypot
    );
    for desc in all {
        let (linked, unit) = linked(desc);
        let printed = print(&linked, &[Root { unit, slices: vec![] }], &Options::default())
            .unwrap_or_else(|e| panic!("{}: {e}", desc.path));
        let module = naga::front::wgsl::parse_str(&printed.text)
            .unwrap_or_else(|e| panic!("{}: {}", desc.path, e.emit_to_string(&printed.text)));
        let mut validator =
            naga::valid::Validator::new(naga::valid::ValidationFlags::all(), naga::valid::Capabilities::empty());
        let checked = validator.validate(&module);
        assert!(checked.is_ok(), "{}: {:?}\n{}", desc.path, checked.err(), printed.text);
        // No driver function but sqrt may remain: the bounds are ours.
        for driver in ["exp(", "exp2(", "log(", "log2(", "pow(", "sin(", "cos(", "tan(", "atan(", "fma("] {
            let used = printed
                .text
                .match_indices(driver)
                .any(|(at, _)| !printed.text[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_'));
            assert!(!used || printed.text.contains(&format!("fn {driver}")), "{} calls {driver}..)", desc.path);
        }
        println!("{}: {:?}", desc.name, cost::count(&linked, unit, &[], &[]).ops);
    }
}
