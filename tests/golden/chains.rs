//! Chains of kernels with each way to end them. `emit` gets the chain as data.
//!
//! The first line of a golden file names a closure by its line in this file: add new chains at the end.

use veda::iter::*;
use veda::kernel::pipe::Pipe;
use veda::kernel::terminal::Terminal;
use veda::kernel_fn;
use veda_kernels_ir::ast::Value;

use super::Emit;
use super::kernels::*;

fn described(chain: &impl ParallelIterator) -> Pipe<'_> {
    chain.describe().expect("a chain of kernels")
}

pub fn map_collect(emit: &mut Emit<'_>) {
    let xs = [1.0f32; 4];
    emit(&described(&xs.par_iter().map(double).map(double)), &Terminal::Collect);
}

pub fn closure_captures(emit: &mut Emit<'_>) {
    let xs = [1.0f32; 4];
    let (a, n, flag) = (2.0f32, 3u32, true);
    let chain = xs.par_iter().map(kernel_fn!(|x: f32| -> f32 {
        let n = n + 1;
        double(a * x) + if flag { n as f32 * a } else { 0.0 }
    }));
    emit(&described(&chain), &Terminal::Collect);
}

pub fn filter_collect(emit: &mut Emit<'_>) {
    let xs = [1.0f32; 4];
    emit(&described(&xs.par_iter().copied().map(double).filter(positive).map(double)), &Terminal::Collect);
}

pub fn filter_sum(emit: &mut Emit<'_>) {
    let xs = [1u32; 4];
    emit(&described(&xs.par_iter().copied().filter(even).map(hash)), &Terminal::Sum);
}

pub fn zip_enumerate_max(emit: &mut Emit<'_>) {
    let (xs, ys) = ([1.0f32; 4], [2.0f32; 4]);
    let pairs = xs.par_iter().copied().zip(ys.par_iter().copied()).enumerate();
    let keys = pairs.map(weighted).map(kernel_fn!(|x: f32| -> i32 { x as i32 }));
    emit(&described(&keys), &Terminal::Max);
}

pub fn range_min(emit: &mut Emit<'_>) {
    emit(&described(&(10..90u32).into_par_iter().map(hash)), &Terminal::Min);
}

pub fn float_product(emit: &mut Emit<'_>) {
    let xs = [1.0f32; 4];
    emit(&described(&xs.par_iter().map(double)), &Terminal::Product);
}

pub fn count(emit: &mut Emit<'_>) {
    let xs = [1.0f32; 4];
    emit(&described(&xs.par_iter().copied().map(double).filter(positive)), &Terminal::Count);
}

pub fn any(emit: &mut Emit<'_>) {
    emit(&described(&(0..90u32).into_par_iter().map(hash).map(is_small)), &Terminal::Any);
}

pub fn all(emit: &mut Emit<'_>) {
    emit(&described(&(0..90u32).into_par_iter().map(hash).map(is_small)), &Terminal::All);
}

pub fn bool_collect(emit: &mut Emit<'_>) {
    emit(&described(&(0..90u32).into_par_iter().map(hash).map(is_small)), &Terminal::Collect);
}

pub fn reduce(emit: &mut Emit<'_>) {
    let terminal = Terminal::Reduce {
        op: veda::kernel::registry::find(&compose::<u32, u32>).unwrap().0,
        captures: vec![],
        identity: Value::U32(0),
    };
    emit(&described(&(0..90u32).into_par_iter().map(hash)), &terminal);
}

pub fn reduce_with_captures(emit: &mut Emit<'_>) {
    let xs = [1.0f32; 4];
    let w = 0.25f32;
    let op = kernel_fn!(|a: f32, b: f32| -> f32 { (a + b) * w });
    let (op_desc, captures) = veda::kernel::registry::find(&op).unwrap();
    assert_eq!(op(1.0f32, 3.0f32), 1.0);
    let terminal = Terminal::Reduce { op: op_desc, captures, identity: Value::F32(0.0) };
    emit(&described(&xs.par_iter().map(double)), &terminal);
}
