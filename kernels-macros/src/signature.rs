//! Parameters and return types: from syn to the kernel language.

use quote::ToTokens;
use syn::{Pat, ReturnType, Type};
use veda_kernels_ir::ast::{ParamTy, Ty};

use crate::error::fail;

/// Scalars, for help lines.
pub const SCALARS: &str = "`f32`, `u32`, `i32`, `bool` and `usize`";

/// One parameter as written.
pub struct Param {
    /// Its pattern as written.
    pub pat: Pat,
    /// Its type as written.
    pub ty: Type,
    /// Its type in the kernel language.
    pub shape: Shape,
}

/// A parameter's type with what the expansion needs to know beyond [`ParamTy`].
pub enum Shape {
    /// A scalar behind this many references.
    Value(Ty, usize),
    /// `&[T]`
    Slice(Ty),
    /// `veda::Index`
    Index,
    /// A tuple of scalars and tuples.
    Tuple(Vec<Shape>),
}

impl Shape {
    /// As the IR has it.
    pub fn ty(&self) -> ParamTy {
        match self {
            Shape::Value(ty, _) => ParamTy::Value(*ty),
            Shape::Slice(ty) => ParamTy::Slice(*ty),
            Shape::Index => ParamTy::Index,
            Shape::Tuple(parts) => ParamTy::Tuple(parts.iter().map(Shape::ty).collect()),
        }
    }

    /// Whether it consists of scalars by value only, so that `Arg` may stand in for it.
    pub fn by_value(&self) -> bool {
        match self {
            Shape::Value(_, references) => *references == 0,
            Shape::Slice(_) | Shape::Index => false,
            Shape::Tuple(parts) => parts.iter().all(Shape::by_value),
        }
    }
}

/// The name of a scalar type in Rust.
pub fn rust_name(ty: Ty) -> &'static str {
    match ty {
        Ty::F32 => "f32",
        Ty::U32 => "u32",
        Ty::I32 => "i32",
        Ty::Usize => "usize",
        Ty::Bool => "bool",
        Ty::Unit => "()",
    }
}

/// The scalar type of that name.
pub fn scalar_by_name(name: &str) -> Option<Ty> {
    Some(match name {
        "f32" => Ty::F32,
        "u32" => Ty::U32,
        "i32" => Ty::I32,
        "usize" => Ty::Usize,
        "bool" => Ty::Bool,
        _ => return None,
    })
}

/// The scalar that `ty` names.
pub fn scalar(ty: &Type) -> syn::Result<Ty> {
    match ty {
        Type::Paren(inner) => scalar(&inner.elem),
        Type::Group(inner) => scalar(&inner.elem),
        Type::Path(path) if path.qself.is_none() => {
            let name = path.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
            let primitive = path.path.segments.len() == 1 || path.path.segments.iter().any(|s| s.ident == "primitive");
            match scalar_by_name(&name) {
                Some(scalar) if primitive => Ok(scalar),
                _ => unusable(ty, &name),
            }
        }
        _ => unusable(ty, ""),
    }
}

fn unusable<T>(ty: &Type, name: &str) -> syn::Result<T> {
    let help = match name {
        "f64" => "kernels compute in `f32`".to_owned(),
        "u64" | "i64" | "u128" | "i128" => "integers of kernels are 32-bit: `u32` or `i32`".to_owned(),
        "u8" | "u16" => "use `u32`; smaller integers are not a type of kernels".to_owned(),
        "i8" | "i16" => "use `i32`; smaller integers are not a type of kernels".to_owned(),
        "isize" => "use `i32`".to_owned(),
        "char" => "use `u32`, and convert with `char::from_u32` outside".to_owned(),
        "Vec" => "take a slice such as `&[f32]`; a kernel returns one element, veda collects them".to_owned(),
        "String" | "str" => "kernels compute on numbers; keep text outside".to_owned(),
        "Index" => "`veda::Index` is only the type of a parameter".to_owned(),
        _ => format!(
            "the types of kernels are {SCALARS}; parameters may also be `&[f32]` and the like, `veda::Index` or tuples of scalars"
        ),
    };
    fail(ty, format_args!("type `{}` is not usable in a kernel", printed(ty)), help)
}

/// A type as one would write it.
pub fn printed(ty: &Type) -> String {
    ty.to_token_stream().to_string().replace(" < ", "<").replace(" >", ">").replace("& ", "&").replace(" :: ", "::")
}

/// The shape of a parameter of type `ty`.
pub fn shape(ty: &Type) -> syn::Result<Shape> {
    match ty {
        Type::Paren(inner) => shape(&inner.elem),
        Type::Group(inner) => shape(&inner.elem),
        Type::Reference(reference) => {
            if let Some(mutable) = &reference.mutability {
                return fail(
                    mutable,
                    "a kernel cannot take `&mut`",
                    "return the new value; veda writes it to the output",
                );
            }
            match &*reference.elem {
                Type::Slice(slice) => Ok(Shape::Slice(slice_element(&slice.elem)?)),
                elem => match shape(elem)? {
                    Shape::Value(ty, references) => Ok(Shape::Value(ty, references + 1)),
                    _ => fail(ty, "only scalars and slices may be taken by reference", "take it by value"),
                },
            }
        }
        Type::Slice(_) => fail(ty, "a slice is taken by reference", format_args!("write `&{}`", printed(ty))),
        Type::Array(array) => {
            fail(ty, "a kernel cannot take an array", format_args!("take a slice: `&[{}]`", printed(&array.elem)))
        }
        Type::Tuple(tuple) if tuple.elems.is_empty() => fail(ty, "a kernel cannot take `()`", "drop the parameter"),
        Type::Tuple(tuple) => {
            let parts = tuple.elems.iter().map(|elem| match shape(elem)? {
                Shape::Slice(_) | Shape::Index => {
                    fail(elem, "a tuple parameter holds scalars only", "make it a parameter of its own")
                }
                part => Ok(part),
            });
            parts.collect::<syn::Result<_>>().map(Shape::Tuple)
        }
        Type::ImplTrait(_) => fail(ty, "a kernel cannot be generic", format_args!("name the type: {SCALARS}")),
        Type::Path(path) if path.path.segments.last().is_some_and(|s| s.ident == "Index") => Ok(Shape::Index),
        _ => scalar(ty).map(|ty| Shape::Value(ty, 0)),
    }
}

fn slice_element(ty: &Type) -> syn::Result<Ty> {
    match scalar(ty)? {
        Ty::Usize => fail(ty, "buffers of `usize` are not usable in a kernel", "store positions as `u32`"),
        ty => Ok(ty),
    }
}

/// The return type of a kernel; `at` is where to complain if there is none.
pub fn returns(output: &ReturnType, at: &dyn ToTokens) -> syn::Result<Ty> {
    match output {
        ReturnType::Default => {
            fail(at, "a kernel must return a value", format_args!("write `-> f32`; it may be one of {SCALARS}"))
        }
        ReturnType::Type(_, ty) => match &**ty {
            Type::Tuple(tuple) if tuple.elems.is_empty() => {
                fail(ty, "a kernel must return a value", format_args!("return one of {SCALARS}"))
            }
            Type::Tuple(_) => fail(ty, "a kernel returns one scalar, not a tuple", "write one kernel per component"),
            Type::Reference(_) => fail(ty, "a kernel returns a scalar by value", "drop the `&`"),
            ty => scalar(ty),
        },
    }
}
