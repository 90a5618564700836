//! Walking the tree: the direct children of an expression, in order of evaluation.

use crate::ast::{Arg, Block, Expr, ExprKind, LoopId, Stmt};

macro_rules! walkers {
    ($children:ident $block:ident $arg:ident [$($m:tt)*]) => {
        /// Calls `f` for each direct child of `e`, in order of evaluation.
        pub fn $children(e: &$($m)* Expr, f: &mut dyn FnMut(&$($m)* Expr)) {
            match &$($m)* e.kind {
                ExprKind::Lit(_) | ExprKind::Local(_) | ExprKind::Capture(_) | ExprKind::Const(_)
                | ExprKind::Continue(_) | ExprKind::Len(_) | ExprKind::IsEmpty(_) | ExprKind::IndexField(..) => {}
                ExprKind::Unary(_, a) | ExprKind::Assign(_, a) | ExprKind::AssignOp(_, _, a)
                | ExprKind::Cast(a, _) | ExprKind::Index(_, a) => f(a),
                ExprKind::Break(_, a) | ExprKind::Return(a) => {
                    if let Some(a) = a { f(a) }
                }
                ExprKind::Binary(_, a, b) => { f(a); f(b) }
                ExprKind::If(c, then, other) => {
                    f(c);
                    $block(then, f);
                    if let Some(other) = other { f(other) }
                }
                ExprKind::Match(s, arms) => {
                    f(s);
                    for arm in arms {
                        if let Some(guard) = &$($m)* arm.guard { f(guard) }
                        f(&$($m)* arm.body);
                    }
                }
                ExprKind::Block(b) | ExprKind::Loop(_, b) => $block(b, f),
                ExprKind::For { start, end, step, body, .. } => {
                    f(start);
                    f(end);
                    if let Some(step) = step { f(step) }
                    $block(body, f);
                }
                ExprKind::While(c, _, body) => { f(c); $block(body, f) }
                ExprKind::Builtin(_, args) => for a in args { f(a) },
                ExprKind::Call(_, args) => for a in args { $arg(a, f) },
            }
        }

        /// Calls `f` for each direct child of a block.
        pub fn $block(b: &$($m)* Block, f: &mut dyn FnMut(&$($m)* Expr)) {
            for s in &$($m)* b.stmts {
                match s {
                    Stmt::Let { init: Some(e), .. } | Stmt::Expr(e) => f(e),
                    Stmt::Let { init: None, .. } => {}
                }
            }
            if let Some(t) = &$($m)* b.tail { f(t) }
        }

        fn $arg(a: &$($m)* Arg, f: &mut dyn FnMut(&$($m)* Expr)) {
            match a {
                Arg::Value(e) => f(e),
                Arg::Slice(_) | Arg::Index(_) => {}
                Arg::Tuple(args) => for a in args { $arg(a, f) },
            }
        }
    };
}

walkers!(children block_children arg_children []);
walkers!(children_mut block_children_mut arg_children_mut [mut]);

/// Whether `pred` holds for `e` or anything below it.
pub fn any(e: &Expr, pred: &dyn Fn(&Expr) -> bool) -> bool {
    let mut found = pred(e);
    if !found {
        children(e, &mut |c| found = found || any(c, pred));
    }
    found
}

/// As [`any`], for a block.
pub fn any_in_block(b: &Block, pred: &dyn Fn(&Expr) -> bool) -> bool {
    let mut found = false;
    block_children(b, &mut |c| found = found || any(c, pred));
    found
}

/// The label and the body of a loop.
pub fn as_loop(e: &Expr) -> Option<(LoopId, &Block)> {
    match &e.kind {
        ExprKind::For { label, body, .. } | ExprKind::While(_, label, body) | ExprKind::Loop(label, body) => {
            Some((*label, body))
        }
        _ => None,
    }
}
