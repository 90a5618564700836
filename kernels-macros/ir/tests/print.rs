//! Printed kernels pass naga's validation, and codec, inference, linking and cost agree on them.
#![allow(clippy::unnecessary_box_returns, clippy::needless_pass_by_value)] // builders of trees read better so

use veda_kernels_ir::ast::*;
use veda_kernels_ir::codec::{DecodeError, decode, encode};
use veda_kernels_ir::link::{LinkError, Linked, Unit, link};
use veda_kernels_ir::wgsl::{Options, Root, SliceBinding, print};
use veda_kernels_ir::{cost, infer};

fn e(kind: ExprKind) -> Expr {
    Expr { kind, span: 0 }
}
fn bx(x: Expr) -> Box<Expr> {
    Box::new(x)
}
fn l(i: u32) -> Expr {
    e(ExprKind::Local(LocalId(i)))
}
fn int(n: u64) -> Expr {
    e(ExprKind::Lit(Lit::Int(n, None)))
}
fn float(x: f32) -> Expr {
    e(ExprKind::Lit(Lit::Float(x.to_bits(), false)))
}
fn bin(op: BinOp, a: Expr, b: Expr) -> Expr {
    e(ExprKind::Binary(op, bx(a), bx(b)))
}
fn call(b: Builtin, args: Vec<Expr>) -> Expr {
    e(ExprKind::Builtin(b, args))
}
fn block(stmts: Vec<Expr>, tail: Option<Expr>) -> Block {
    Block { stmts: stmts.into_iter().map(Stmt::Expr).collect(), tail: tail.map(Box::new) }
}
fn set(i: u32, v: Expr) -> Stmt {
    Stmt::Let { local: LocalId(i), ty: None, init: Some(v) }
}
fn function(params: Vec<ParamTy>, ret: Ty, locals: u32, body: Block) -> Function {
    Function {
        name: "k".into(),
        params: params
            .into_iter()
            .enumerate()
            .map(|(i, ty)| Param { pat: ParamPat::Local(LocalId(i as u32)), ty })
            .collect(),
        ret,
        locals: (0..locals).map(|_| Local { name: "in".into(), mutable: true }).collect(),
        captures: vec![],
        consts: vec![],
        deps: vec![],
        body,
    }
}
fn unit(function: Function) -> Unit {
    Unit { name: "k".into(), key: 0, function, deps: vec![], consts: vec![], captures: vec![] }
}
fn linked(f: Function) -> Linked {
    let f = decode(&encode(&f)).expect("round trip");
    link(vec![unit(f)]).unwrap_or_else(|e| panic!("{e}"))
}

const PRELUDE: &str = "struct VedaIndex { x: u32, y: u32, z: u32, flat: u32 }
@group(0) @binding(0) var<storage, read> src: array<f32>;
@group(0) @binding(1) var<storage, read_write> status: array<u32>;
fn veda_fail() { status[0] = 1u; }
fn veda_over_budget() -> bool { status[1] += 1u; return status[1] > 65000u; }
@compute @workgroup_size(64) fn main() { veda_fail(); }
";

/// Prints with every combination of options and validates; returns the plain text.
fn valid(f: Function) -> String {
    let slices = infer::slice_params(&f)
        .iter()
        .map(|s| SliceBinding { array: "src".into(), len: "arrayLength(&src)".into(), ty: s.1 })
        .collect::<Vec<_>>();
    let linked = linked(f);
    let mut plain = String::new();
    for bits in 0..4 {
        let options = Options { check_bounds: bits & 1 != 0, loop_budget: bits & 2 != 0 };
        let printed = print(&linked, &[Root { unit: 0, slices: slices.clone() }], &options).expect("prints");
        let text = format!("{PRELUDE}{}", printed.text);
        let module =
            naga::front::wgsl::parse_str(&text).unwrap_or_else(|e| panic!("{}\n{text}", e.emit_to_string(&text)));
        naga::valid::Validator::new(naga::valid::ValidationFlags::all(), naga::valid::Capabilities::default())
            .validate(&module)
            .unwrap_or_else(|e| panic!("{e:?}\n{text}"));
        if bits == 0 {
            plain = printed.text;
        }
    }
    plain
}

fn v(t: Ty) -> ParamTy {
    ParamTy::Value(t)
}

const OPS: [BinOp; 16] = [
    BinOp::Add,
    BinOp::Sub,
    BinOp::Mul,
    BinOp::Div,
    BinOp::Rem,
    BinOp::BitAnd,
    BinOp::BitOr,
    BinOp::BitXor,
    BinOp::Shl,
    BinOp::Shr,
    BinOp::Eq,
    BinOp::Ne,
    BinOp::Lt,
    BinOp::Le,
    BinOp::Gt,
    BinOp::Ge,
];

#[test]
fn every_operator_is_valid_on_variables_and_on_literals() {
    let mut count = 0;
    for ty in [Ty::F32, Ty::U32, Ty::I32, Ty::Usize, Ty::Bool] {
        for op in OPS {
            let ret = if op as usize >= BinOp::Eq as usize { Ty::Bool } else { ty };
            let f = function(vec![v(ty), v(ty)], ret, 2, block(vec![], Some(bin(op, l(0), l(1)))));
            if infer::check(&f).is_ok() {
                valid(f);
                count += 1;
            }
            if ty == Ty::Bool {
                continue;
            }
            // Literals that naga refuses to evaluate: overflow, division by zero, shifts by 40.
            let (a, b) = if ty == Ty::F32 { (float(3e38), float(0.0)) } else { (int(0x7fff_ffff), int(0)) };
            let b = if matches!(op, BinOp::Shl | BinOp::Shr) { int(40) } else { b };
            let a = e(ExprKind::Cast(bx(a), ty));
            let f = function(vec![], ret, 0, block(vec![], Some(bin(op, a, b))));
            if infer::check(&f).is_ok() {
                valid(f);
            }
        }
    }
    assert_eq!(count, 11 + 3 * 16 + 9, "operators that inference accepts");
}

#[test]
fn every_builtin_is_valid() {
    for &b in veda_kernels_ir::builtin::ALL {
        assert_eq!(Builtin::by_name(b.name()), Some(b));
        let mut accepted = 0;
        for ty in [Ty::F32, Ty::U32, Ty::I32, Ty::Usize] {
            for ret in [Ty::F32, Ty::U32, Ty::I32, Ty::Usize, Ty::Bool] {
                let rest = b.signature().args.iter().map(|a| match a {
                    veda_kernels_ir::builtin::ArgTy::Same => ty,
                    veda_kernels_ir::builtin::ArgTy::Is(t) => *t,
                });
                let params: Vec<ParamTy> = std::iter::once(ty).chain(rest).map(v).collect();
                let args = (0..params.len() as u32).map(l).collect();
                let f = function(params, ret, 3, block(vec![], Some(call(b, args))));
                if infer::check(&f).is_ok() {
                    valid(f);
                    accepted += 1;
                }
            }
        }
        assert!(accepted > 0, "{b:?}");
    }
}

#[test]
fn loops_of_every_shape_are_valid() {
    for ty in [Ty::U32, Ty::I32, Ty::Usize] {
        for bits in 0..8u32 {
            let (inclusive, reversed, stepped) = (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0);
            let add = e(ExprKind::AssignOp(BinOp::Add, LocalId(2), bx(l(3))));
            let inner = e(ExprKind::While(
                bx(e(ExprKind::Lit(Lit::Bool(true)))),
                2,
                block(
                    vec![
                        e(ExprKind::If(
                            bx(bin(BinOp::Gt, l(3), l(0))),
                            block(vec![e(ExprKind::Continue(1))], None),
                            None,
                        )),
                        e(ExprKind::Break(1, None)),
                    ],
                    None,
                ),
            ));
            let f = e(ExprKind::For {
                var: Some(LocalId(3)),
                start: bx(l(0)),
                end: bx(l(1)),
                inclusive,
                reversed,
                step: stepped.then(|| bx(int(3))),
                label: 1,
                body: block(vec![add, inner], None),
            });
            let body = Block { stmts: vec![set(2, l(0)), Stmt::Expr(f)], tail: Some(bx(l(2))) };
            let text = valid(function(vec![v(ty), v(ty)], ty, 4, body));
            assert!(text.contains("stop1") && text.contains("next1"), "{text}");
        }
    }
}

#[test]
fn a_body_that_ends_in_a_loop_returns() {
    let body = block(vec![], Some(e(ExprKind::Loop(1, block(vec![e(ExprKind::Return(Some(bx(l(0)))))], None)))));
    assert!(valid(function(vec![v(Ty::F32)], Ty::F32, 1, body)).contains("return f32();"));
}

#[test]
fn a_slice_is_read_within_its_bounds() {
    let body = block(vec![], Some(e(ExprKind::Index(LocalId(0), bx(l(1))))));
    let text = valid(function(vec![ParamTy::Slice(Ty::F32), v(Ty::Usize)], Ty::F32, 2, body));
    assert!(text.contains("src[min(i, max(n, 1u) - 1u)]"), "{text}");
}

#[test]
fn operands_keep_their_order() {
    // x + { x = 2.0; x }
    let second = e(ExprKind::Block(block(vec![e(ExprKind::Assign(LocalId(0), bx(float(2.0))))], Some(l(0)))));
    let text = valid(function(vec![v(Ty::F32)], Ty::F32, 1, block(vec![], Some(bin(BinOp::Add, l(0), second)))));
    assert!(text.contains("let tmp2 = in_0;\n    in_0 = 2.0f;\n    return tmp2 + in_0;"), "{text}");
}

#[test]
fn errors_read_like_rustc() {
    let f = |a: Expr| {
        infer::check(&function(
            vec![v(Ty::F32), v(Ty::U32), ParamTy::Slice(Ty::F32), v(Ty::I32)],
            Ty::F32,
            4,
            block(vec![], Some(a)),
        ))
        .unwrap_err()
    };
    assert_eq!(f(bin(BinOp::Add, l(0), l(1))).message, "expected `f32`, found `u32`");
    let index = f(e(ExprKind::Index(LocalId(2), bx(l(3)))));
    assert_eq!((index.message.as_str(), index.help.as_deref()), ("cannot index with `i32`", Some("write `as usize`")));
    assert_eq!(f(call(Builtin::Sqrt, vec![l(1)])).message, "no method named `sqrt` found for type `u32`");
    assert_eq!(f(bin(BinOp::Mul, int(2), l(0))).help.as_deref(), Some("write `2.0`"));
}

#[test]
fn recursion_is_an_error() {
    let mut f =
        function(vec![v(Ty::F32)], Ty::F32, 1, block(vec![], Some(e(ExprKind::Call(0, vec![Arg::Value(l(0))])))));
    f.deps = vec!["k".into()];
    let err = link(vec![Unit { deps: vec![0], ..unit(f) }]).unwrap_err();
    assert_eq!(err, LinkError::Recursion(vec!["k".into(), "k".into()]));
}

#[test]
fn damaged_bytes_are_errors_or_other_kernels_but_never_panics() {
    let mut sum = l(0);
    for _ in 0..60 {
        sum = bin(BinOp::Add, sum, l(0));
    }
    let f = function(vec![v(Ty::F32)], Ty::F32, 1, block(vec![], Some(sum)));
    let bytes = encode(&f);
    assert_eq!(decode(&bytes), Ok(f.clone()));
    valid(f);
    for n in 0..bytes.len() {
        assert!(decode(&bytes[..n]).is_err());
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[n] ^= 1 << bit;
            let _ = decode(&damaged).map(|f| infer::check(&f));
        }
    }
    assert_eq!(decode(&[9]), Err(DecodeError::Version(9)));
}

#[test]
fn constant_trips_multiply() {
    let body = e(ExprKind::For {
        var: None,
        start: bx(int(0)),
        end: bx(int(10)),
        inclusive: false,
        reversed: false,
        step: None,
        label: 1,
        body: block(vec![e(ExprKind::AssignOp(BinOp::Mul, LocalId(0), bx(float(2.0))))], None),
    });
    let c =
        cost::count(&linked(function(vec![v(Ty::F32)], Ty::F32, 1, block(vec![body], Some(l(0))))), 0, &[], &[]).ops;
    assert_eq!((c.float_mul, c.trips, c.unbounded), (10.0, 10.0, false));
}
