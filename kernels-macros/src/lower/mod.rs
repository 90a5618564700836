//! From syn to the kernel language and to the CPU twin, in one pass: every lowered expression carries its node of the
//! IR and its Rust tokens, so the two cannot drift apart.

mod call;
mod control;
mod expr;
mod pattern;
mod stmt;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::visit::Visit;
use syn::{Ident, Path, Signature};
use veda_kernels_ir::ast::{self, Expr, ExprKind, Local, LocalId, LoopId, SpanId, Ty};
use veda_kernels_ir::infer;

use crate::error::{error, fail};
use crate::function::Header;
use crate::signature::{Param, Shape};

/// What is lowered.
pub struct Source<'a> {
    /// The kernel's name.
    pub name: String,
    /// The name by which a function could call itself.
    pub own_path: Option<&'a Ident>,
    /// Its parameters.
    pub params: &'a [Param],
    /// Its return type.
    pub ret: Ty,
    /// Whether unknown lower-case names are captured (`kernel_fn!`).
    pub captures: bool,
}

/// A body.
#[derive(Clone, Copy)]
pub enum Body<'a> {
    /// Of a function.
    Block(&'a syn::Block),
    /// Of a closure.
    Expr(&'a syn::Expr),
}

/// A lowered function.
pub struct Lowered {
    /// The kernel.
    pub function: ast::Function,
    /// Paths of the kernels that it calls, in the order of `Function::deps`.
    pub deps: Vec<Path>,
    /// Paths of the constants that it uses, in the order of `Function::consts`.
    pub consts: Vec<TokenStream>,
    /// Captured names, in the order of `Function::captures`.
    pub captures: Vec<Ident>,
    /// The body of the CPU twin; parameters are in scope under the names and types that the user wrote.
    pub twin: TokenStream,
}

impl Lowered {
    /// In place of a body that was rejected.
    pub fn hollow(sig: &Signature, header: &Header) -> Lowered {
        let function = ast::Function {
            name: sig.ident.to_string(),
            params: Vec::new(),
            ret: header.ret,
            locals: Vec::new(),
            captures: Vec::new(),
            consts: Vec::new(),
            deps: Vec::new(),
            body: ast::Block::default(),
        };
        let twin = quote!({ ::core::unreachable!() });
        Lowered { function, deps: Vec::new(), consts: Vec::new(), captures: Vec::new(), twin }
    }
}

/// One expression in both forms. The twin's tokens are one operand: a literal, a path, a call, or parenthesised.
pub(crate) struct Twin {
    ir: Expr,
    rust: TokenStream,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A scalar behind this many references.
    Value(usize),
    Slice,
    Index,
}

#[derive(Clone)]
struct Binding {
    name: String,
    id: LocalId,
    kind: Kind,
    /// Declared `mut`, or without an initial value.
    assignable: bool,
}

struct Loop {
    label: Option<String>,
    id: LoopId,
}

/// The state of lowering one function.
pub(crate) struct Lower<'a> {
    veda: &'a TokenStream,
    source: &'a Source<'a>,
    locals: Vec<Local>,
    scope: Vec<Binding>,
    loops: Vec<Loop>,
    next_loop: LoopId,
    /// Tokens of the nodes, by [`SpanId`]; 0 is the whole function.
    spans: Vec<&'a dyn ToTokens>,
    captures: Vec<Ident>,
    consts: Vec<(String, TokenStream)>,
    deps: Vec<(String, Path)>,
}

/// Lowers a function and checks the types that it can know alone.
pub fn function<'a>(source: &'a Source<'a>, body: Body<'a>, veda: &'a TokenStream) -> syn::Result<Lowered> {
    let mut attributes = Attributes(None);
    match body {
        Body::Block(block) => attributes.visit_block(block),
        Body::Expr(expr) => attributes.visit_expr(expr),
    }
    if let Some(attr) = attributes.0 {
        return fail(attr, "this attribute is not supported inside a kernel", "put it on the function, or drop it");
    }
    let nothing: &dyn ToTokens = &"";
    let mut lower = Lower {
        veda,
        source,
        locals: Vec::new(),
        scope: Vec::new(),
        loops: Vec::new(),
        next_loop: 0,
        spans: vec![nothing],
        captures: Vec::new(),
        consts: Vec::new(),
        deps: Vec::new(),
    };
    let mut params = Vec::new();
    for param in source.params {
        params.push(ast::Param { pat: lower.parameter(&param.pat, &param.shape)?, ty: param.shape.ty() });
    }
    let (body, twin) = match body {
        Body::Block(block) => lower.block(block)?,
        Body::Expr(syn::Expr::Block(block)) if block.label.is_none() => lower.block(&block.block)?,
        Body::Expr(expr) => {
            let value = lower.expr(expr)?;
            let rust = value.rust;
            (ast::Block { stmts: Vec::new(), tail: Some(Box::new(value.ir)) }, quote!({ #rust }))
        }
    };
    if lower.captures.len() > 8 {
        return fail(&lower.captures[8], "a closure kernel captures at most 8 scalars", "pass constants in a slice");
    }
    let function = ast::Function {
        name: source.name.clone(),
        params,
        ret: source.ret,
        locals: lower.locals,
        captures: lower.captures.iter().map(ToString::to_string).collect(),
        consts: lower.consts.iter().map(|(name, _)| name.clone()).collect(),
        deps: lower.deps.iter().map(|(name, _)| name.clone()).collect(),
        body,
    };
    if let Err(e) = infer::check(&function) {
        let message = match &e.help {
            Some(help) => format!("{}\nhelp: {help}", e.message),
            None => e.message.clone(),
        };
        return Err(match lower.spans.get(e.span as usize) {
            Some(tokens) if e.span != 0 => syn::Error::new_spanned(tokens, message),
            _ => match source.own_path {
                Some(name) => syn::Error::new_spanned(name, message),
                None => syn::Error::new(proc_macro2::Span::call_site(), message),
            },
        });
    }
    Ok(Lowered {
        function,
        deps: lower.deps.into_iter().map(|(_, path)| path).collect(),
        consts: lower.consts.into_iter().map(|(_, path)| path).collect(),
        captures: lower.captures,
        twin,
    })
}

/// Finds an attribute that changes what the body means.
struct Attributes<'a>(Option<&'a syn::Attribute>);

impl<'a> Visit<'a> for Attributes<'a> {
    fn visit_attribute(&mut self, attr: &'a syn::Attribute) {
        let harmless = ["allow", "expect", "warn", "deny", "rustfmt", "doc"];
        let first = attr.path().segments.first().map(|s| s.ident.to_string()).unwrap_or_default();
        if !harmless.contains(&first.as_str()) {
            self.0.get_or_insert(attr);
        }
    }
    // Items inside a body are rejected as statements; what stands in them does not matter.
    fn visit_item(&mut self, _: &'a syn::Item) {}
}

impl<'a> Lower<'a> {
    fn span(&mut self, tokens: &'a dyn ToTokens) -> SpanId {
        self.spans.push(tokens);
        (self.spans.len() - 1) as SpanId
    }

    fn node(&mut self, kind: ExprKind, tokens: &'a dyn ToTokens) -> Expr {
        Expr { kind, span: self.span(tokens) }
    }

    /// Declares a local that is in scope from now on.
    fn declare(&mut self, name: &Ident, kind: Kind, assignable: bool) -> LocalId {
        let id = LocalId(self.locals.len() as u32);
        let name = name.to_string().trim_start_matches("r#").to_owned();
        self.locals.push(Local { name: name.clone(), mutable: false });
        self.scope.push(Binding { name, id, kind, assignable });
        id
    }

    fn binding(&self, name: &Ident) -> Option<Binding> {
        let name = name.to_string();
        let name = name.trim_start_matches("r#");
        self.scope.iter().rev().find(|b| b.name == name).cloned()
    }

    /// The binding that an expression consists of, if it is one name.
    fn bound(&self, expr: &syn::Expr) -> Option<(Ident, Binding)> {
        match expr {
            syn::Expr::Paren(inner) => self.bound(&inner.expr),
            syn::Expr::Group(inner) => self.bound(&inner.expr),
            syn::Expr::Path(path) => {
                let name = path.path.get_ident()?;
                Some((name.clone(), self.binding(name)?))
            }
            _ => None,
        }
    }

    /// The position of a constant, entered at its first use.
    fn constant(&mut self, path: TokenStream) -> u32 {
        let name = path.to_string().replace(' ', "");
        let at = self.consts.iter().position(|(n, _)| *n == name).unwrap_or_else(|| {
            self.consts.push((name, path));
            self.consts.len() - 1
        });
        at as u32
    }

    /// The position of a kernel that is called, entered at its first use.
    fn dependency(&mut self, path: &Path) -> u32 {
        let name = path.to_token_stream().to_string().replace(' ', "");
        let at = self.deps.iter().position(|(n, _)| *n == name).unwrap_or_else(|| {
            self.deps.push((name, path.clone()));
            self.deps.len() - 1
        });
        at as u32
    }

    fn loop_id(&mut self) -> LoopId {
        self.next_loop += 1;
        self.next_loop - 1
    }

    /// Runs `f` in an inner scope.
    fn scoped<R>(&mut self, f: impl FnOnce(&mut Self) -> syn::Result<R>) -> syn::Result<R> {
        let depth = self.scope.len();
        let result = f(self);
        self.scope.truncate(depth);
        result
    }

    fn parameter(&mut self, pat: &syn::Pat, shape: &Shape) -> syn::Result<ast::ParamPat> {
        match (pat, shape) {
            (syn::Pat::Paren(inner), _) => self.parameter(&inner.pat, shape),
            (syn::Pat::Wild(_), _) => Ok(ast::ParamPat::Ignored),
            (syn::Pat::Ident(name), _) => {
                plain_binding(name)?;
                let kind = match shape {
                    Shape::Value(_, references) => Kind::Value(*references),
                    Shape::Slice(_) => Kind::Slice,
                    Shape::Index => Kind::Index,
                    Shape::Tuple(_) => {
                        return fail(
                            pat,
                            "a tuple cannot be a local of a kernel",
                            "take it apart in the parameter: `(a, b): (f32, f32)`",
                        );
                    }
                };
                Ok(ast::ParamPat::Local(self.declare(&name.ident, kind, name.mutability.is_some())))
            }
            (syn::Pat::Reference(inner), Shape::Value(ty, references)) if *references > 0 => {
                self.parameter(&inner.pat, &Shape::Value(*ty, references - 1))
            }
            (syn::Pat::Tuple(tuple), Shape::Tuple(parts)) if tuple.elems.len() == parts.len() => {
                let parts = tuple.elems.iter().zip(parts).map(|(pat, shape)| self.parameter(pat, shape));
                parts.collect::<syn::Result<_>>().map(ast::ParamPat::Tuple)
            }
            _ => fail(pat, "this pattern does not fit the parameter's type", "bind a name, or a tuple of names"),
        }
    }
}

/// Rejects `ref x` and `x @ ..`.
fn plain_binding(name: &syn::PatIdent) -> syn::Result<()> {
    if let Some(by_ref) = &name.by_ref {
        return fail(by_ref, "`ref` is not supported in a kernel", "bind by value");
    }
    match &name.subpat {
        Some(_) => fail(name, "`@` patterns are not supported in a kernel", "bind the name, and test it in a guard"),
        None => Ok(()),
    }
}

/// A label without its apostrophe.
fn label_name(label: &syn::Lifetime) -> String {
    label.ident.to_string()
}

/// `expr` without parentheses and invisible groups.
fn bare(expr: &syn::Expr) -> &syn::Expr {
    match expr {
        syn::Expr::Paren(inner) => bare(&inner.expr),
        syn::Expr::Group(inner) => bare(&inner.expr),
        other => other,
    }
}

/// Whether a name is written as a constant: `K`, `MAX_STEPS`.
fn is_constant_name(name: &Ident) -> bool {
    let name = name.to_string();
    name.chars().any(char::is_alphabetic) && !name.chars().any(char::is_lowercase)
}

fn unknown_name(name: &Ident, scope: &[Binding]) -> syn::Error {
    let text = name.to_string();
    let help = match crate::error::nearest(&text, scope.iter().map(|b| b.name.as_str())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            "a kernel sees its parameters, its locals and constants in upper case; `veda::kernel_fn!` captures scalars"
                .to_owned()
        }
    };
    error(name, format_args!("cannot find `{text}` in this kernel"), help)
}
